/**
 * The files that programs are given: a network profile, a key with its passphrase.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { type Crypto, Fault, type NetworkProfile, parseNetworkProfile } from '@myst/protocol'
import { decryptKey, readKeyFile } from '@myst/store'

/** @throws Fault `profile-unreadable`, or the profile's refusal. */
export async function readProfile(path: string): Promise<NetworkProfile> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new Fault('profile-unreadable', { path }, { cause })
  }
  const profile = parseNetworkProfile(json)
  if (profile.ok) return profile.value
  const { code, ...facts } = profile.refusal
  throw new Fault(code, { path, ...facts })
}

/** @throws Fault `keystore-unreadable`, or the keystore's refusal. */
export async function readKey(crypto: Crypto, keyFile: string, passphraseFile: string): Promise<Uint8Array> {
  const passphrase = (await readKeyFile(passphraseFile)).replace(/\r?\n$/, '')
  const key = await decryptKey(crypto, await readKeyFile(keyFile), passphrase)
  if (key.ok) return key.value
  throw new Fault(key.refusal.code, { keyFile })
}
