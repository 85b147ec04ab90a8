/**
 * Private keys on disk: Web3 Secret Storage v3, as geth writes and reads it.
 *
 * scrypt and AES-128-CTR come from Node; the MAC is checked before anything is decrypted, and the work a file may ask
 * for is bounded, so that a hostile one costs no more than an honest one.
 *
 * Source: https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage
 *
 * @module
 */

import { createCipheriv, createDecipheriv, randomBytes, randomUUID, scrypt } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import {
  type Address,
  accept,
  type Crypto,
  concatBytes,
  equalBytes,
  Fault,
  fromHex,
  refuse,
  toHex,
  type Verdict,
} from '@myst/protocol'

/** 2¹⁷ keeps a guess at 128 MiB and a third of a second; geth's own files have 2¹⁸. */
const scryptN = 2 ** 17
/** 1 GiB and some three seconds, with the usual r of 8 and p of 1: no file may cost us more. */
const maxScryptN = 2 ** 20
/** A file has some 500 bytes; one larger than this is not parsed. */
const maxKeystoreBytes = 64 * 1024
/** A scalar of secp256k1. */
const privateKeyBytes = 32
/** Old programs left a key's leading zeros out; one in 16 million has more than two. */
const minStoredBytes = 30

export type KeystoreRefusal =
  | { readonly code: 'keystore-malformed'; readonly why: string }
  | { readonly code: 'keystore-too-costly'; readonly n: number }
  | { readonly code: 'keystore-wrong-passphrase' }

interface KeystoreFile {
  readonly version: 3
  readonly id: string
  /** Not in every file: the standard leaves it out. */
  readonly address?: string
  readonly crypto: {
    readonly cipher: 'aes-128-ctr'
    readonly cipherparams: { readonly iv: string }
    readonly ciphertext: string
    readonly kdf: 'scrypt'
    readonly kdfparams: { n: number; r: number; p: number; dklen: number; salt: string }
    readonly mac: string
  }
}

/** Encrypts a key as the text of a keystore file. `n` is lowered in tests alone. */
export async function encryptKey(
  crypto: Crypto,
  privateKey: Uint8Array,
  passphrase: string,
  n = scryptN,
): Promise<string> {
  const salt = randomBytes(32)
  const iv = randomBytes(16)
  const derived = await derive(passphrase, salt, { n, r: 8, p: 1 })
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  const ciphertext = concatBytes(cipher.update(privateKey), cipher.final())
  const file: KeystoreFile = {
    version: 3,
    id: randomUUID(),
    address: crypto.addressOf(privateKey).slice(2),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: bare(ciphertext),
      kdf: 'scrypt',
      kdfparams: { n, r: 8, p: 1, dklen: 32, salt: salt.toString('hex') },
      mac: bare(macOf(crypto, derived, ciphertext)),
    },
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

export async function decryptKey(
  crypto: Crypto,
  text: string,
  passphrase: string,
): Promise<Verdict<KeystoreRefusal, Uint8Array>> {
  const parsed = parse(text)
  if (!parsed.ok) return parsed
  const { kdfparams, cipherparams, mac } = parsed.value.crypto
  const { n, r, p } = kdfparams
  if (n > maxScryptN || n * r * p > maxScryptN * 8) return refuse({ code: 'keystore-too-costly', n })
  if (16 * r < 64 && n >= 2 ** (16 * r)) return refuse({ code: 'keystore-malformed', why: 'kdfparams' })
  const derived = await derive(passphrase, fromHex(`0x${kdfparams.salt}`), { n, r, p })
  const ciphertext = fromHex(`0x${parsed.value.crypto.ciphertext}`)
  if (!equalBytes(macOf(crypto, derived, ciphertext), fromHex(`0x${mac}`))) {
    return refuse({ code: 'keystore-wrong-passphrase' })
  }
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), fromHex(`0x${cipherparams.iv}`))
  const privateKey = new Uint8Array(privateKeyBytes)
  privateKey.set(concatBytes(decipher.update(ciphertext), decipher.final()), privateKeyBytes - ciphertext.length)
  return accept(privateKey)
}

/** Written beside, synced, renamed: a crash leaves the old file or the new one. Mode 0600. */
export async function writeKeyFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const beside = `${path}.new`
  const file = await open(beside, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  await syncFolder(dirname(path))
}

/** A new name is durable only with its folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** @throws Fault `keystore-unreadable`. */
export async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new Fault('keystore-unreadable', { path }, { cause })
  }
}

/** The address a file says it holds, for lists; `decryptKey` doesn't trust it. */
export function keystoreAddress(text: string): Verdict<KeystoreRefusal, Address> {
  const parsed = parse(text)
  if (!parsed.ok) return parsed
  const { address } = parsed.value
  if (address === undefined) return refuse({ code: 'keystore-malformed', why: 'address' })
  return accept<Address>(`0x${address.toLowerCase().replace(/^0x/, '')}`)
}

function parse(text: string): Verdict<KeystoreRefusal, KeystoreFile> {
  const malformed = (why: string) => refuse({ code: 'keystore-malformed' as const, why })
  if (text.length > maxKeystoreBytes) return malformed('too large')
  let file: KeystoreFile
  try {
    file = JSON.parse(text) as KeystoreFile
  } catch {
    return malformed('not JSON')
  }
  const hex = (value: unknown, most: number, least = most) =>
    typeof value === 'string' && new RegExp(`^(?:[0-9a-fA-F]{2}){${least},${most}}$`).test(value)
  if (file?.version !== 3) return malformed('not version 3')
  const { crypto } = file
  if (crypto?.cipher !== 'aes-128-ctr' || crypto.kdf !== 'scrypt') return malformed('unsupported cipher or kdf')
  if (!hex(crypto.cipherparams?.iv, 16)) return malformed('iv')
  if (!hex(crypto.ciphertext, privateKeyBytes, minStoredBytes)) return malformed('ciphertext')
  if (!hex(crypto.mac, 32)) return malformed('mac')
  const { n, r, p, dklen, salt } = crypto.kdfparams ?? {}
  if (![n, r, p].every((value) => Number.isSafeInteger(value) && value > 0)) return malformed('kdfparams')
  if (n < 2 || (n & (n - 1)) !== 0 || dklen !== 32) return malformed('kdfparams')
  if (!hex(salt, 64, 1)) return malformed('salt')
  const { address } = file
  if (address !== undefined && !hex(String(address).replace(/^0x/, ''), 20)) return malformed('address')
  return accept(file)
}

const scryptAsync = promisify(scrypt) as (
  passphrase: string,
  salt: Uint8Array,
  length: number,
  options: object,
) => Promise<Buffer>

async function derive(passphrase: string, salt: Uint8Array, { n, r, p }: { n: number; r: number; p: number }) {
  // What scrypt takes, and some for its own use; OpenSSL refuses to work with less.
  const maxmem = 128 * r * (n + p) + 32 * 1024 * 1024
  const derived = await scryptAsync(passphrase, salt, 32, { N: n, r, p, maxmem })
  return new Uint8Array(derived)
}

const macOf = (crypto: Crypto, derived: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
  crypto.keccak256(concatBytes(derived.subarray(16, 32), ciphertext))

const bare = (bytes: Uint8Array): string => toHex(bytes).slice(2)
