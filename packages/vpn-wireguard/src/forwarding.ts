/**
 * The host's `ip_forward` switch: turned on for an exit, and back as it was.
 *
 * Turning it on also turns redirects off and turning it off turns them on (net/ipv4/devinet.c), so both are restored.
 *
 * @module
 */

import { readFile, writeFile } from 'node:fs/promises'

const forwardFile = '/proc/sys/net/ipv4/ip_forward'
const redirectsFile = '/proc/sys/net/ipv4/conf/all/accept_redirects'
const chainPattern = /\bchain (closed_before_redirects_([01]))\b/

export interface Forwarding {
  /**
   * Where the host did not forward before: the name for a chain that drops all forwarding but ours. It stands in the
   * firewall and tells a later start, should we be killed, how to undo.
   */
  readonly closedBefore: string | undefined
  restore(): Promise<void>
}

/** Offers of this process that need it; the last restores. */
let users = 0
let undo: Omit<Forwarding, 'restore'> | undefined

export async function openForwarding(): Promise<Forwarding> {
  users++
  if (undo === undefined) {
    const [forward, redirects] = await Promise.all([forwardFile, redirectsFile].map((file) => readFile(file, 'utf8')))
    undo = { closedBefore: forward?.trim() === '0' ? `closed_before_redirects_${redirects?.trim()}` : undefined }
    if (undo.closedBefore !== undefined) await writeFile(forwardFile, '1')
  }
  const { closedBefore } = undo
  let restored = false
  return {
    closedBefore,
    async restore() {
      if (restored) return
      restored = true
      if (--users > 0) return
      undo = undefined
      if (closedBefore !== undefined) await restoreFrom(`chain ${closedBefore}`)
    },
  }
}

/** @param ruleset text of a table that may hold the chain `closedBefore`. */
export async function restoreFrom(ruleset: string): Promise<void> {
  const [, , redirects] = chainPattern.exec(ruleset) ?? []
  if (redirects === undefined) return
  await writeFile(forwardFile, '0')
  await writeFile(redirectsFile, redirects)
}
