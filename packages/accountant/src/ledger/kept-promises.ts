/**
 * Kept promises: of what was credited from a channel, the first and the newest of the agreements that were drawn on last, to
 * prove what is refused later.
 *
 * There is a list for each channel in memory. So it is one run of bytes, 213 a promise, a ninth of what objects take.
 *
 * @module
 */

import {
  type Address,
  type Bytes32,
  bytes,
  concatBytes,
  equalBytes,
  fromHex,
  noTicks,
  type Schema,
  type SignedPromise,
  toHex,
  uintToBytes,
} from '@myst/protocol'

/** provider 20, id 32; amount 32, total 32, hashlock 32, signature 65. The consumer is its channel's. */
const agreementBytes = 52
const promiseBytes = 213
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

/** The newest agreement goes last; of each, its first promise stays before its newest. */
export function keepPromise(kept: Uint8Array | undefined, signed: SignedPromise): Uint8Array {
  const packed = pack(signed)
  const isOwn = (one: Uint8Array) => equalBytes(one.subarray(0, agreementBytes), packed.subarray(0, agreementBytes))
  const all = partsOf(kept)
  const own = all.filter(isOwn)
  const others = all.filter((one) => !own.includes(one))
  return concatBytes(...[...others, ...own.slice(0, 1), packed].slice(-maxKept))
}

export const keptPromises = (kept: Uint8Array | undefined, consumer: Address): readonly SignedPromise[] =>
  partsOf(kept).map((part) => unpack(part, consumer))

const partsOf = (kept: Uint8Array | undefined): readonly Uint8Array[] =>
  Array.from({ length: (kept?.length ?? 0) / promiseBytes }, (_, index) =>
    (kept as Uint8Array).subarray(index * promiseBytes, (index + 1) * promiseBytes),
  )

const pack = ({ promise: { amount, hashlock, agreement }, signature }: SignedPromise): Uint8Array =>
  concatBytes(
    fromHex(agreement.provider),
    fromHex(agreement.id),
    uintToBytes(amount),
    uintToBytes(agreement.total),
    fromHex(hashlock),
    signature,
  )

function unpack(part: Uint8Array, consumer: Address): SignedPromise {
  const word = (from: number): Bytes32 => toHex(part.subarray(from, from + 32))
  const agreement = { provider: toHex(part.subarray(0, 20)) as Address, id: word(20), total: BigInt(word(84)) }
  const promise = { amount: BigInt(word(52)), hashlock: word(116), agreement, ticks: noTicks }
  return { consumer, promise, signature: part.slice(148) }
}
