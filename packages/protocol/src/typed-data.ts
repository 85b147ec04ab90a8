/**
 * EIP-712 hashes of structs.
 *
 * A struct is declared once; its type string, its hash and the TypeScript type of its value follow from the declaration,
 * so that they can't drift apart. Every field is one 32-byte word, a string as the
 * hash of its UTF-8 bytes; values out of range are refused, never truncated.
 *
 * Source: EIP-712, https://eips.ethereum.org/EIPS/eip-712.
 *
 * @module
 */

import { type Address, type Bytes32, concatBytes, uintToBytes, writeIdentifier, writeUint } from './bytes.ts'
import type { Crypto } from './crypto.ts'

interface AtomValues {
  uint256: bigint
  uint64: bigint
  uint8: number
  address: Address
  bytes32: Bytes32
  bool: boolean
  string: string
}
type Atom = keyof AtomValues
type Fields = Readonly<Record<string, Atom | Struct>>

export interface Struct<F extends Fields = Fields> {
  readonly name: string
  readonly fields: F
}

export type ValueOf<S extends Struct> = {
  readonly [K in keyof S['fields']]: S['fields'][K] extends Atom
    ? AtomValues[S['fields'][K]]
    : S['fields'][K] extends Struct
      ? ValueOf<S['fields'][K]>
      : never
}

export const struct = <const F extends Fields>(name: string, fields: F): Struct<F> => ({ name, fields })

/** Whose signatures: a contract on a chain, or, for records of the node database, a network. */
export type Domain = { readonly chainId: bigint; readonly verifyingContract: Address } | { readonly networkId: string }

/** @example PaymentPromise(uint256 amount,…)Agreement(…)Ticks(…) */
export function typeString(type: Struct): string {
  const [own, ...nested] = [type, ...nestedStructs(type).sort((a, b) => (a.name < b.name ? -1 : 1))]
  return [own as Struct, ...nested].map(ownTypeString).join('')
}

function ownTypeString(type: Struct): string {
  const fields = Object.entries(type.fields).map(([name, of]) => `${typeof of === 'string' ? of : of.name} ${name}`)
  return `${type.name}(${fields.join(',')})`
}

function nestedStructs(type: Struct): Struct[] {
  const found = new Map<string, Struct>()
  for (const field of Object.values(type.fields)) {
    if (typeof field === 'string') continue
    for (const inner of [field, ...nestedStructs(field)]) found.set(inner.name, inner)
  }
  return [...found.values()]
}

/** `hashStruct` of EIP-712: keccak256(typeHash ‖ words). 32 bytes. @throws RangeError where a value is out of range. */
export function hashStruct<S extends Struct>(crypto: Crypto, type: S, value: ValueOf<S>): Uint8Array {
  const isConstant = Object.isFrozen(value)
  const known = isConstant ? constantHashes.get(crypto)?.get(value) : undefined
  if (known?.type === type) return known.hash
  const { words, fields } = layoutOf(crypto, type)
  words.fill(0, 32)
  let at = 32
  for (const [name, of] of fields) {
    const field = (value as Record<string, unknown>)[name]
    if (typeof of === 'string') writeAtom(crypto, words, at, of, field, name)
    else words.set(hashStruct(crypto, of, field as ValueOf<Struct>), at)
    at += 32
  }
  const hash = crypto.keccak256(words)
  if (isConstant) remember(crypto, value, { type, hash })
  return hash
}

/** Of frozen values, which are constants of this program: hashed once. */
const constantHashes = new WeakMap<Crypto, WeakMap<object, ConstantHash>>()
interface ConstantHash {
  readonly type: Struct
  readonly hash: Uint8Array
}

function remember(crypto: Crypto, value: object, constant: ConstantHash): void {
  const hashes = constantHashes.get(crypto) ?? new WeakMap<object, ConstantHash>()
  constantHashes.set(crypto, hashes.set(value, constant))
}

/** What all values of a struct share. By crypto, since a toy one has a toy hash. */
interface Layout {
  /** The type's hash, and room for a word of each field: written anew for each value, since no struct is within itself. */
  readonly words: Uint8Array
  readonly fields: readonly [string, Atom | Struct][]
}
const layouts = new WeakMap<Crypto, WeakMap<Struct, Layout>>()

function layoutOf(crypto: Crypto, type: Struct): Layout {
  const known = layouts.get(crypto) ?? new WeakMap<Struct, Layout>()
  const before = known.get(type)
  if (before !== undefined) return before
  const fields = Object.entries(type.fields)
  const words = new Uint8Array(32 * (1 + fields.length))
  words.set(crypto.keccak256(text.encode(typeString(type))))
  const layout = { words, fields }
  layouts.set(crypto, known.set(type, layout))
  return layout
}

/** What is signed: keccak256(0x19 0x01 ‖ domain separator ‖ struct hash). 32 bytes. */
export function hashTypedData<S extends Struct>(
  crypto: Crypto,
  domain: Domain,
  type: S,
  value: ValueOf<S>,
): Uint8Array {
  return hashForDomain(crypto, domain, hashStruct(crypto, type, value))
}

export const hashForDomain = (crypto: Crypto, domain: Domain, structHash: Uint8Array): Uint8Array =>
  hashUnderSeparator(crypto, domainSeparator(crypto, domain), structHash)

/** For who hashes many structs of one domain. */
export function hashUnderSeparator(crypto: Crypto, separator: Uint8Array, structHash: Uint8Array): Uint8Array {
  signable.set(separator, 2)
  signable.set(structHash, 34)
  return crypto.keccak256(signable)
}

/** 0x19 0x01, and room for two words. */
const signable = new Uint8Array(66)
signable.set([0x19, 0x01])
const text = new TextEncoder()
const contractDomainType = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
const networkDomainType = 'EIP712Domain(string name,string version,bytes32 salt)'

/** `hashStruct` of the domain. 32 bytes. */
export function domainSeparator(crypto: Crypto, domain: Domain): Uint8Array {
  const constant = (value: string) => textHash(crypto, value)
  return crypto.keccak256(
    'networkId' in domain
      ? concatBytes(
          constant(networkDomainType),
          constant('Mysterium Network'),
          constant('1'),
          crypto.keccak256(text.encode(domain.networkId)),
        )
      : concatBytes(
          constant(contractDomainType),
          constant('Mysterium Payments'),
          constant('1'),
          uintToBytes(domain.chainId),
          addressWord(crypto, domain.verifyingContract),
        ),
  )
}

function addressWord(crypto: Crypto, address: Address): Uint8Array {
  const word = new Uint8Array(32)
  writeAtom(crypto, word, 0, 'address', address, 'verifyingContract')
  return word
}

/** Of texts that this program writes itself, so there are few: hashed once. By crypto, since a toy one has a toy hash. */
const textHashes = new WeakMap<Crypto, Map<string, Uint8Array>>()

function textHash(crypto: Crypto, value: string): Uint8Array {
  const known = textHashes.get(crypto) ?? new Map<string, Uint8Array>()
  const before = known.get(value)
  if (before !== undefined) return before
  const hash = crypto.keccak256(text.encode(value))
  textHashes.set(crypto, known.set(value, hash))
  return hash
}

/** One word, 32 bytes from `at` on, which hold zeros. */
function writeAtom(crypto: Crypto, words: Uint8Array, at: number, atom: Atom, value: unknown, name: string): void {
  if (!isWritten(crypto, words, at, atom, value)) throw new RangeError(`${name} is no ${atom}`)
}

function isWritten(crypto: Crypto, words: Uint8Array, at: number, atom: Atom, value: unknown): boolean {
  switch (atom) {
    case 'uint256':
    case 'uint64':
      if (typeof value !== 'bigint' || (atom === 'uint64' && value >> 64n !== 0n)) return false
      writeUint(words, at, value)
      return true
    case 'uint8':
      if (typeof value !== 'number' || (value & 0xff) !== value) return false
      words[at + 31] = value
      return true
    case 'bool':
      if (typeof value !== 'boolean') return false
      words[at + 31] = value ? 1 : 0
      return true
    case 'address':
      return typeof value === 'string' && writeIdentifier(words, at + 12, value, 20)
    case 'bytes32':
      return typeof value === 'string' && writeIdentifier(words, at, value, 32)
    case 'string':
      // A lone surrogate has no UTF-8: two strings would have one hash.
      if (typeof value !== 'string' || !value.isWellFormed()) return false
      words.set(crypto.keccak256(text.encode(value)), at)
      return true
  }
}
