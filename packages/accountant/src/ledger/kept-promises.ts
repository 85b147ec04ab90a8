/**
 * Kept promises: of what was credited from a channel, the first and the newest of the agreements that were drawn on last, to
 * prove what is refused later.
 *
 * There is a list for each channel in memory. So it is one run of bytes, 213 a promise, a ninth of what objects take.
 *
 * @module
 */

import { type Address, type Bytes32, bytes, noTicks, type Schema, type SignedPromise, toHex } from '@myst/protocol'

/** provider 20 and id 32; then amount 32, total 32, hashlock 32, signature 65. The consumer is its channel's. */
const agreementBytes = 52
const signatureAt = 148
const promiseBytes = signatureAt + 65
/** Three agreements' worth, 140 MB for a hundred thousand channels: six sevenths of what two books of one consumer promise twice. */
const maxKept = 6

export const keptPromisesSchema: Schema<Uint8Array> = {
  encode: (kept) => kept,
  decode(value) {
    const kept = bytes(maxKept * promiseBytes).decode(value)
    if (kept.length % promiseBytes !== 0) throw new RangeError(`not whole promises of ${promiseBytes} bytes`)
    return kept
  },
}

/** The newest agreement goes last; of each, its first promise stays before its newest. A few microseconds. */
export function keepPromise(kept: Uint8Array | undefined, signed: SignedPromise): Uint8Array {
  const packed = pack(signed)
  const parts = partsOf(kept)
  const first = parts.find((part) => isSameAgreement(part, packed))
  const others = first === undefined ? parts : parts.filter((part) => !isSameAgreement(part, packed))
  const next = [...others, ...(first === undefined ? [] : [first]), packed].slice(-maxKept)
  const joined = new Uint8Array(next.length * promiseBytes)
  for (const [index, part] of next.entries()) joined.set(part, index * promiseBytes)
  return joined
}

export const keptPromises = (kept: Uint8Array | undefined, consumer: Address): readonly SignedPromise[] =>
  partsOf(kept).map((part) => unpack(part, consumer))

const partsOf = (kept: Uint8Array = new Uint8Array(0)): readonly Uint8Array[] =>
  Array.from({ length: kept.length / promiseBytes }, (_, index) =>
    kept.subarray(index * promiseBytes, (index + 1) * promiseBytes),
  )

function isSameAgreement(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = agreementBytes - 1; at >= 0; at--) if (one[at] !== other[at]) return false
  return true
}

function pack({ promise: { amount, hashlock, agreement }, signature }: SignedPromise): Uint8Array {
  const uint = (value: bigint) => value.toString(16).padStart(64, '0')
  const hex = `${agreement.provider.slice(2)}${agreement.id.slice(2)}${uint(amount)}${uint(agreement.total)}${hashlock.slice(2)}`
  const packed = Buffer.alloc(promiseBytes)
  packed.write(hex, 'hex')
  packed.set(signature, signatureAt)
  return packed
}

function unpack(part: Uint8Array, consumer: Address): SignedPromise {
  const word = (from: number): Bytes32 => toHex(part.subarray(from, from + 32))
  const agreement = { provider: toHex(part.subarray(0, 20)) as Address, id: word(20), total: BigInt(word(84)) }
  const promise = { amount: BigInt(word(52)), hashlock: word(116), agreement, ticks: noTicks }
  return { consumer, promise, signature: part.slice(signatureAt) }
}
