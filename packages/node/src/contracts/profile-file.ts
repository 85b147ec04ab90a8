/**
 * The network profile on disk: written whole or not at all, and never over anything else.
 *
 * @module
 */

import { access, constants, link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, formatNetworkProfile, type NetworkProfile, parseNetworkProfile } from '@myst/protocol'

/** What makes two profiles those of one network; its founder goes on to fill in the rest. */
export type NetworkKey = Pick<NetworkProfile, 'networkId' | 'chainId'> & {
  readonly contracts: NetworkProfile['contracts']
}

/**
 * Looked at before anything is paid for.
 *
 * @returns whether the file is there, with a profile of this network.
 * @throws Fault `profile-other` where something else is there, `file-unwritable`.
 */
export async function checkProfileFile(path: string, key: NetworkKey): Promise<boolean> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new Fault('profile-other', { path, networkId: key.networkId }, { cause })
    await access(dirname(path), constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
      throw new Fault('file-unwritable', { path, why: cause.code }, { cause })
    })
    return false
  }
  if (keyOf(text) !== JSON.stringify(keyFields(key)))
    throw new Fault('profile-other', { path, networkId: key.networkId })
  return true
}

/** Written beside, synced, then linked: a name that has been taken meanwhile stays as it is. */
export async function writeProfileFile(path: string, profile: NetworkProfile): Promise<void> {
  const beside = `${path}.${process.pid}.new`
  try {
    const file = await open(beside, 'w', 0o644)
    try {
      await file.writeFile(formatNetworkProfile(profile))
      await file.sync()
    } finally {
      await file.close()
    }
    await link(beside, path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw new Fault('file-unwritable', { path, why: code }, { cause })
    await checkProfileFile(path, profile)
  } finally {
    await rm(beside, { force: true })
  }
}

/**
 * Enters an accountant, and leaves all else as its founder wrote it: written beside, synced, renamed.
 *
 * @returns false where it is entered already.
 * @throws Fault `profile-unwritable`.
 */
export async function enterInProfile(path: string, entry: NetworkProfile['accountants'][number]): Promise<boolean> {
  const beside = `${path}.${process.pid}.new`
  try {
    const profile = JSON.parse(await readFile(path, 'utf8')) as { accountants: { readonly address: string }[] }
    if (profile.accountants.some(({ address }) => address === entry.address)) return false
    profile.accountants.push(entry)
    const file = await open(beside, 'w', (await stat(path)).mode & 0o777)
    try {
      await file.writeFile(`${JSON.stringify(profile, undefined, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    return true
  } catch (cause) {
    throw new Fault('profile-unwritable', { path, why: (cause as NodeJS.ErrnoException).code }, { cause })
  } finally {
    await rm(beside, { force: true })
  }
}

function keyOf(text: string): string | undefined {
  try {
    const profile = parseNetworkProfile(JSON.parse(text))
    return profile.ok ? JSON.stringify(keyFields(profile.value)) : undefined
  } catch {
    return undefined
  }
}

const keyFields = ({ networkId, chainId, contracts }: NetworkKey) => {
  const { token, registry, channelImplementation } = contracts
  return [networkId, String(chainId), token, registry, channelImplementation]
}
