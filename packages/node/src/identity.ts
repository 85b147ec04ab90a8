/**
 * Identities on disk: encrypted keystore files in the data directory, the newest made being the current one.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { type Address, type Crypto, Fault } from '@myst/protocol'
import { decryptKey, encryptKey, keystoreAddress, readKeyFile, writeKeyFile } from '@myst/store'

const folder = (dataDir: string) => `${dataDir}/keystore`
const fileOf = (dataDir: string, identity: Address) => `${folder(dataDir)}/${identity.slice(2)}.json`
const currentFile = (dataDir: string) => `${dataDir}/identity`

export async function listIdentities(dataDir: string): Promise<readonly Address[]> {
  const names = await readdir(folder(dataDir)).catch(() => [])
  const found: Address[] = []
  for (const name of names.filter((entry) => entry.endsWith('.json')).toSorted()) {
    const address = keystoreAddress(await readKeyFile(`${folder(dataDir)}/${name}`))
    if (address.ok) found.push(address.value)
  }
  return found
}

/** The one that a node uses: the last that was made or imported. */
export async function currentIdentity(dataDir: string): Promise<Address | undefined> {
  const current = (await readFile(currentFile(dataDir), 'utf8').catch(() => '')).trim()
  const identities = await listIdentities(dataDir)
  return identities.find((address) => address === current) ?? identities.at(-1)
}

export async function createIdentity(crypto: Crypto, dataDir: string, passphrase: string): Promise<Address> {
  return importIdentity(crypto, dataDir, new Uint8Array(randomBytes(32)), passphrase)
}

export async function importIdentity(
  crypto: Crypto,
  dataDir: string,
  privateKey: Uint8Array,
  passphrase: string,
): Promise<Address> {
  const identity = crypto.addressOf(privateKey)
  await writeKeyFile(fileOf(dataDir, identity), await encryptKey(crypto, privateKey, passphrase))
  await writeFile(currentFile(dataDir), `${identity}\n`, { mode: 0o600 })
  return identity
}

/** The keystore file as it is: encrypted, and readable by other wallets. */
export const exportIdentity = (dataDir: string, identity: Address): Promise<string> =>
  readKeyFile(fileOf(dataDir, identity))

/** @throws Fault `identity-missing`, `identity-locked` with why. */
export async function unlockIdentity(
  crypto: Crypto,
  dataDir: string,
  passphrase: string,
): Promise<{ readonly identity: Address; readonly privateKey: Uint8Array }> {
  const identity = await currentIdentity(dataDir)
  if (identity === undefined) throw new Fault('identity-missing', { dataDir })
  const key = await decryptKey(crypto, await exportIdentity(dataDir, identity), passphrase)
  if (!key.ok) throw new Fault('identity-locked', { identity, why: key.refusal.code })
  if (crypto.addressOf(key.value) !== identity)
    throw new Fault('identity-locked', { identity, why: 'wrong key inside' })
  return { identity, privateKey: key.value }
}
