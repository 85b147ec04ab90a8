/**
 * Admission: parties take turns, and each has a rate, so that a flood of one leaves everybody else's answers as quick as they
 * were. A party is the identity that opened a stream, or the address of a single request: what a batch says of its provider
 * is known only after its signature was looked at, and that is what a flood would make us do. Identities cost nothing, so an
 * address has a rate too, twice as high.
 *
 * @module
 */

import { createBuckets, createFairQueue } from '@myst/program'
import type { Address, ExchangeReply, SignedContent } from '@myst/protocol'

export interface Party {
  /** Who signed the opening of the stream. */
  readonly identity?: Address
  /** An IPv4 address, or an IPv6 block. */
  readonly address: string
}

export type ExchangeFrom = (signed: SignedContent, from: Party) => Promise<ExchangeReply>

export interface AdmissionOptions {
  readonly bytesPerSecond: number
  /** The largest request; a party may always have one. */
  readonly maxBytes: number
}

/** Some 1,100 promises, a tenth of a second's work for two cores: more under way makes nothing faster. Of one party, half. */
const maxUnderwayBytes = 256 << 10
const maxUnderwayOfParty = maxUnderwayBytes / 2
/** Requests of all parties; one more is refused at once, and may come again. */
const maxWaiting = 4096
/** A sixteenth: one party's flood leaves room in line for the others. */
const maxWaitingOfParty = 256
/** A party that was quiet may catch up. */
const burstSeconds = 2
/** The least that a request counts for: a signature is checked whatever is in it. */
const minBytes = 256

interface Waiting {
  readonly signed: SignedContent
  readonly bytes: number
  answer(reply: ExchangeReply | Promise<ExchangeReply>): void
}

/** What is above its rate, or finds too many waiting, is refused at once and may come again. */
export function createAdmission(
  deps: { exchange(signed: SignedContent): Promise<ExchangeReply>; readonly now: () => number },
  options: AdmissionOptions,
): ExchangeFrom {
  const rateOf = (share: number) =>
    createBuckets({
      burst: share * Math.max(options.maxBytes, burstSeconds * options.bytesPerSecond),
      perHour: share * 3600 * options.bytesPerSecond,
    })
  const [identities, addresses] = [rateOf(1), rateOf(2)]
  const queue = createFairQueue<Waiting>({ maxItems: maxWaiting, maxPerOwner: maxWaitingOfParty })
  const underway = new Map<string, number>()
  let underwayBytes = 0

  const isFree = (party: string) => (underway.get(party) ?? 0) < maxUnderwayOfParty

  function count(party: string, bytes: number): void {
    underwayBytes += bytes
    const own = (underway.get(party) ?? 0) + bytes
    if (own === 0) underway.delete(party)
    else underway.set(party, own)
  }

  function startNext(): void {
    while (underwayBytes < maxUnderwayBytes) {
      const next = queue.take(isFree)
      if (next === undefined) return
      const { owner, item } = next
      count(owner, item.bytes)
      const answering = deps.exchange(item.signed).finally(() => {
        count(owner, -item.bytes)
        startNext()
      })
      item.answer(answering)
    }
  }

  function mayHave({ identity, address }: Party, bytes: number): boolean {
    if (identity !== undefined && !identities.take(identity, deps.now(), bytes)) return false
    return addresses.take(address, deps.now(), bytes)
  }

  return (signed, from) => {
    const owner = from.identity ?? from.address
    const bytes = Math.max(minBytes, signed.content.length)
    if (!mayHave(from, bytes)) return Promise.resolve(tooFast)
    return new Promise((answer) => {
      if (queue.push(owner, { signed, bytes, answer }) === 'queued') startNext()
      else answer(refused('accountant-busy'))
    })
  }
}

/** Whoever gets it should not be read for a while. */
export const tooFast: ExchangeReply = { kind: 'refused', code: 'accountant-unavailable', why: 'party-too-fast' }
const refused = (why: string): ExchangeReply => ({ kind: 'refused', code: 'accountant-unavailable', why })
