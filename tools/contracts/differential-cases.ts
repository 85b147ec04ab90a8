/**
 * Cases of the differential test: a signed struct with a value in range, and a signature that may count or not.
 *
 * @module
 */

import {
  type Address,
  accountantPromiseStruct,
  beneficiaryChangeStruct,
  type Crypto,
  concatBytes,
  type Domain,
  exitCancelStruct,
  exitRequestStruct,
  fastExitStruct,
  fromHex,
  hashlockOf,
  hashTypedData,
  paymentPromiseStruct,
  registrationStruct,
  type Struct,
  settleOrderStruct,
  settleWishStruct,
  stakeDecreaseStruct,
  toHex,
  uintToBytes,
  urlChangeStruct,
  type ValueOf,
} from '@myst/protocol'
import { signatureChanges } from './differential-signatures.ts'
import type { Random } from './random.ts'

/** In the order of `Kind` in `contracts/differential/Differential.sol`. */
export const differentialStructs: readonly Struct[] = [
  paymentPromiseStruct,
  accountantPromiseStruct,
  settleOrderStruct,
  settleWishStruct,
  stakeDecreaseStruct,
  registrationStruct,
  beneficiaryChangeStruct,
  urlChangeStruct,
  exitRequestStruct,
  exitCancelStruct,
  fastExitStruct,
]

export type AnyValue = ValueOf<Struct>
export type ContractDomain = Extract<Domain, { readonly chainId: bigint }>

export interface DifferentialCase {
  readonly struct: Struct
  readonly value: AnyValue
  /** The value as calldata has it. */
  readonly message: Uint8Array
  readonly signature: Uint8Array
  /** What was done to the signature. */
  readonly change: string
  /** Who signed, where nothing was done to it: both sides must say so. */
  readonly signer?: Address
}

/** Signs for a few people again and again: making a key costs as much as signing. */
export interface Signers {
  readonly keys: readonly Uint8Array[]
  readonly addresses: readonly Address[]
}

export function makeSigners(crypto: Crypto, random: Random): Signers {
  const keys = Array.from({ length: 32 }, () => crypto.keccak256(random.bytes(32)))
  return { keys, addresses: keys.map((key) => crypto.addressOf(key)) }
}

export const anyDomain = (random: Random): ContractDomain => ({
  // anvil takes a chain id as a JSON number. Low addresses are precompiles, which no code can be put at.
  chainId: random.pick([1n, 137n, 31_337n, BigInt(Number.MAX_SAFE_INTEGER), 1n + random.uint(52)]),
  verifyingContract: toHex(concatBytes(Uint8Array.of(1 + random.below(255)), fromHex(random.address()).subarray(1))),
})

const changeNames = Object.keys(signatureChanges)

export function anyCase(
  crypto: Crypto,
  random: Random,
  signers: Signers,
  domain: ContractDomain,
  struct: Struct,
): DifferentialCase {
  const { value, message } = anyMessage(crypto, random, struct)
  const who = random.below(signers.keys.length)
  // A fourth of the signatures is left as it is, some of those are for another domain or another message.
  const change = random.below(4) === 0 ? 'none' : random.pick(changeNames)
  const astray = change === 'none' && random.below(8) === 0
  const signed = astray ? { ...domain, chainId: domain.chainId + 1n } : domain
  const signature = crypto.sign(hashTypedData(crypto, signed, struct, value), signers.keys[who] as Uint8Array)
  return {
    struct,
    value,
    message,
    signature: signatureChanges[change]?.(signature, random) as Uint8Array,
    change: astray ? 'for another chain' : change,
    ...(change === 'none' && !astray ? { signer: signers.addresses[who] as Address } : {}),
  }
}

function anyMessage(crypto: Crypto, random: Random, struct: Struct): { value: AnyValue; message: Uint8Array } {
  if (struct === accountantPromiseStruct) {
    // The contract is shown the preimage.
    const [provider, amount, preimage] = [random.address(), random.uint(256), random.bytes(32)]
    return {
      value: { provider, amount, hashlock: hashlockOf(crypto, preimage) } as unknown as AnyValue,
      message: concatBytes(addressWord(provider), uintToBytes(amount), preimage),
    }
  }
  const { value, words, tail } = anyWords(random, struct)
  return { value, message: concatBytes(...words, ...tail) }
}

/** A value, and its words as the ABI writes them; nested structs are written in place, a string behind all words. */
function anyWords(random: Random, struct: Struct): { value: AnyValue; words: Uint8Array[]; tail: Uint8Array[] } {
  const value: Record<string, unknown> = {}
  const words: Uint8Array[] = []
  const tail: Uint8Array[] = []
  // Most promises have no ticks, and the contracts have a constant for that.
  const empty = struct.name === 'Ticks' && random.below(2) === 0
  for (const [name, type] of Object.entries(struct.fields)) {
    if (typeof type !== 'string') {
      const inner = anyWords(random, type)
      value[name] = inner.value
      words.push(...inner.words)
      continue
    }
    switch (type) {
      case 'uint256': {
        const uint = empty ? 0n : random.uint(256)
        value[name] = uint
        words.push(uintToBytes(uint))
        break
      }
      case 'uint8': {
        const small = Number(random.uint(8))
        value[name] = small
        words.push(uintToBytes(BigInt(small)))
        break
      }
      case 'bool': {
        const yes = random.below(2) === 1
        value[name] = yes
        words.push(uintToBytes(yes ? 1n : 0n))
        break
      }
      case 'address': {
        const address = random.address()
        value[name] = address
        words.push(addressWord(address))
        break
      }
      case 'bytes32': {
        const bytes = empty ? new Uint8Array(32) : fromHex(random.bytes32())
        value[name] = toHex(bytes)
        words.push(bytes)
        break
      }
      case 'string': {
        const text = random.text()
        const bytes = new TextEncoder().encode(text)
        value[name] = text
        words.push(uintToBytes(BigInt(32 * Object.keys(struct.fields).length)))
        tail.push(uintToBytes(BigInt(bytes.length)), padded(bytes))
        break
      }
      default:
        throw new Error(`no contract has a ${type}`)
    }
  }
  return { value: value as AnyValue, words, tail }
}

const addressWord = (address: Address) => concatBytes(new Uint8Array(12), fromHex(address))

export function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 32) * 32)
  whole.set(bytes)
  return whole
}

/** For each kind of field what is just out of range, and what only looks like one. */
const outOfRange: Readonly<Record<string, readonly unknown[]>> = {
  uint256: [-1n, 1n << 256n, 1n << 264n, 1, '1', undefined],
  uint8: [-1, 256, 1.5, Number.NaN, 1n, '1'],
  bool: [0, 1, 'true', undefined],
  address: [`0x${'ab'.repeat(19)}`, `0x${'ab'.repeat(21)}`, `0x${'00'.repeat(12)}${'ab'.repeat(20)}`, 'ab'.repeat(20)],
  bytes32: [`0x${'ab'.repeat(31)}`, `0x${'ab'.repeat(33)}`, '0x', 'ab'.repeat(32)],
  string: ['\ud800', 'a\udc00', 1, undefined],
}

/** The value with each of its fields spoilt in turn, nested ones too. */
export function* spoil(
  struct: Struct,
  value: AnyValue,
): Generator<{ readonly field: string; readonly value: AnyValue }> {
  for (const [field, type] of Object.entries(struct.fields)) {
    const own = (value as Record<string, unknown>)[field]
    if (typeof type === 'string') {
      for (const bad of outOfRange[type] ?? []) yield { field, value: { ...value, [field]: bad } as AnyValue }
    } else {
      for (const inner of spoil(type, own as AnyValue)) {
        yield { field: `${field}.${inner.field}`, value: { ...value, [field]: inner.value } as AnyValue }
      }
    }
  }
}
