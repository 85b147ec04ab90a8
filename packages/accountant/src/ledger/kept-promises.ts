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
  noTicks,
  type Schema,
  type SignedPromise,
  toHex,
  writeIdentifier,
  writeUint,
} from '@myst/protocol'

/** provider 20 and id 32; then amount 32, total 32, hashlock 32, signature 65. The consumer is its channel's. */
const agreementBytes = 52
const [amountAt, totalAt, hashlockAt, signatureAt] = [52, 84, 116, 148] as const
/** As packed: 148 before the signature, and its 65. */
const promiseBytes = signatureAt + 65
/** Three agreements' worth, 140 MB for a hundred thousand channels: six sevenths of what two books of one consumer promise twice. */
const maxKept = 6

const keptBytes = bytes(maxKept * promiseBytes)
export const keptPromisesSchema: Schema<Uint8Array> = {
  write: keptBytes.write,
  read(from) {
    const kept = keptBytes.read(from)
    if (kept.length % promiseBytes !== 0) throw new RangeError(`not whole promises of ${promiseBytes} bytes`)
    return kept
  },
}

/** The newest agreement goes last; of each, its first promise stays before its newest. A microsecond or two: each credit does it. */
export function keepPromise(kept: Uint8Array = none, signed: SignedPromise): Uint8Array {
  pack(signed)
  const others: number[] = []
  let first: number | undefined
  for (let at = 0; at < kept.length; at += promiseBytes) {
    if (!isOfPackedAgreement(kept, at)) others.push(at)
    else first ??= at
  }
  const stay = (first === undefined ? others : [...others, first]).slice(1 - maxKept)
  const next = new Uint8Array((stay.length + 1) * promiseBytes)
  let to = 0
  for (let [one, after] = [0, 0]; one < stay.length; one = after) {
    const from = stay[one] as number
    // Neighbours go together: most often all that stays.
    for (after = one + 1; stay[after] === from + (after - one) * promiseBytes; after++);
    const end = from + (after - one) * promiseBytes
    next.set(kept.subarray(from, end), to)
    to += end - from
  }
  next.set(packed, to)
  return next
}
const none = new Uint8Array(0)

export const keptPromises = (kept: Uint8Array = none, consumer: Address): readonly SignedPromise[] =>
  Array.from({ length: kept.length / promiseBytes }, (_, index) =>
    unpack(kept.subarray(index * promiseBytes, (index + 1) * promiseBytes), consumer),
  )

/** One for all: nothing waits while it is copied. */
const packed = new Uint8Array(promiseBytes)

function isOfPackedAgreement(kept: Uint8Array, at: number): boolean {
  for (let byte = agreementBytes - 1; byte >= 0; byte--) if (kept[at + byte] !== packed[byte]) return false
  return true
}

function pack({ promise: { amount, hashlock, agreement }, signature }: SignedPromise): void {
  packed.fill(0)
  writeIdentifier(packed, 0, agreement.provider, 20)
  writeIdentifier(packed, 20, agreement.id, 32)
  writeUint(packed, amountAt, amount)
  writeUint(packed, totalAt, agreement.total)
  writeIdentifier(packed, hashlockAt, hashlock, 32)
  packed.set(signature, signatureAt)
}

function unpack(part: Uint8Array, consumer: Address): SignedPromise {
  const word = (from: number): Bytes32 => toHex(part.subarray(from, from + 32))
  const agreement = { provider: toHex(part.subarray(0, 20)) as Address, id: word(20), total: BigInt(word(totalAt)) }
  const promise = { amount: BigInt(word(amountAt)), hashlock: word(hashlockAt), agreement, ticks: noTicks }
  return { consumer, promise, signature: part.slice(signatureAt) }
}
