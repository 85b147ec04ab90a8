/**
 * Whether this machine lets us make network namespaces; tests that need them say *skipped* and why where it does not.
 *
 * @module
 */

import { run } from './command.ts'
import { namespacePrefix, ownerTag } from './namespace.ts'

export type NamespaceVerdict = { readonly ok: true } | { readonly ok: false; readonly why: string }

/** @example const needs = await canMakeNamespaces(); describe.skipIf(!needs.ok)(…) */
export function canMakeNamespaces(): Promise<NamespaceVerdict> {
  verdict ??= look()
  return verdict
}

let verdict: Promise<NamespaceVerdict> | undefined

async function look(): Promise<NamespaceVerdict> {
  if (process.platform !== 'linux') return { ok: false, why: 'needs Linux' }
  if (process.getuid?.() !== 0) return { ok: false, why: 'needs root' }
  const trial = `${namespacePrefix}-${await ownerTag()}-trial`
  try {
    await run('ip', ['netns', 'add', trial])
    // Once inside: a container may allow the first and refuse this.
    await run('ip', ['netns', 'exec', trial, 'setpriv', '--pdeathsig', 'KILL', 'nft', 'list', 'tables'])
    return { ok: true }
  } catch (cause) {
    return { ok: false, why: `network namespaces do not work here: ${cause instanceof Error ? cause.message : cause}` }
  } finally {
    await run('ip', ['netns', 'del', trial]).catch(() => {})
  }
}
