/**
 * Outbox: one key's transactions, each brought to the chain once, through crashes, stuck pools, price spikes and
 * reorganisations.
 *
 * A sending gets the next nonce and is durable, with its signed bytes, before anything is broadcast. Then the outbox looks,
 * as long as anything is under way: what the pool forgot is broadcast again; what stays unmined for some blocks is replaced
 * by an offer of an eighth more, up to what the request pays for; what is mined counts at the confirmation depth, and a
 * block that is taken back before only means that it is looked for again. Where another transaction used the nonce, the
 * owner hears that its call can never be mined under it.
 *
 * Nonces come from the count of mined transactions and our own, never from a node's pool: a pool that lies or remembers
 * what was dropped cannot make a gap. Should there be one all the same (an old backup, a node that was wrong), it is
 * filled with transactions that do nothing, and so is a nonce whose call cannot pay today's price while others wait.
 *
 * Of several endpoints none is believed alone: see `witnesses.ts`. While they disagree on a nonce or a receipt, what depends on
 * it waits.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Address, Fault, type Hex } from '@myst/protocol'
import { keccak256 } from 'viem'
import { transferGas } from '../deployment/fees.ts'
import { type Endpoints, isWaitedOut } from '../endpoints.ts'
import { firstOffer, type Market, type Offer, type Outcome, raiseOffer, type Sending } from './sending.ts'
import { type HashSigner, sendingKeyOf } from './sending-key.ts'
import { createWitnesses, type Seen } from './witnesses.ts'

export interface OutboxDeps {
  readonly endpoints: Endpoints
  /** Tells which endpoint stands still. */
  readonly now: () => number
  readonly journal: {
    load(): readonly Sending[]
    /** Durable when it returns. */
    put(sending: Sending): void
  }
  /** Makes the outcome durable and removes the sending from the journal, both in one commit. */
  onEnd(sending: Sending, outcome: Outcome): void
  /** Whether so much may be paid for a transaction that does nothing, so that those behind it get on. */
  mayVoid(cost: bigint): boolean
  onFault(fault: Fault): void
}

export interface OutboxOptions {
  readonly key: Uint8Array | HashSigner
  /** Blocks until an outcome counts; the head has depth 1. */
  readonly depth: number
  /** A transaction that so many blocks passed by is replaced. */
  readonly stuckAfterBlocks: number
  /** One that cannot pay more, and that others wait for, gives its nonce up after so many. */
  readonly voidAfterBlocks: number
}

export const defaultOutboxOptions = { stuckAfterBlocks: 3, voidAfterBlocks: 60 } as const

export interface CallToSend {
  readonly id: string
  readonly to: Address
  readonly data: Hex
  readonly gas: bigint
  readonly maxFeePerGas: bigint
}

export interface OutboxCounts {
  readonly replaced: number
  readonly rebroadcast: number
  readonly voided: number
  readonly displaced: number
}

export interface Outbox {
  readonly address: Address
  /**
   * Returns as soon as it is durable and was broadcast once; what becomes of it is told to `onEnd`.
   *
   * @returns `too-dear` where today's price is above `maxFeePerGas`: nothing was sent, and no nonce used.
   * @throws Fault `chain-unreachable`, `chain-wrong-id`, `chain-disagrees`: nothing was sent.
   */
  send(call: CallToSend): Promise<'sent' | 'too-dear'>
  underway(): readonly Sending[]
  counts(): OutboxCounts
  close(): Promise<void>
}

/** More than a replaced node's memory of one count: with a larger gap something is wrong that a person must look at. */
const maxGapNonces = 16
/** Behind one address there are often several nodes; one that is late knows a nonce as used and no receipt yet. */
const lateLooks = 5
/** A faulty node is asked again after this; a healthy one every polling interval. */
const faultPauseMs = 1_000

/** What was seen of a sending since we run; after a restart the blocks are counted anew. */
interface Trail {
  /** The head when its newest attempt was taken by a pool. */
  sinceBlock: bigint
  /** How often its nonce was seen used, without a receipt for any of its hashes. */
  usedWithoutReceipt: number
  /** How often in a row the endpoints said different things of it. */
  disagreements: number
}

const newTrail = (sinceBlock: bigint): Trail => ({ sinceBlock, usedWithoutReceipt: 0, disagreements: 0 })

export function createOutbox(deps: OutboxDeps, options: OutboxOptions): Outbox {
  const { endpoints, journal, onFault } = deps
  const { chainId } = endpoints
  const key = sendingKeyOf(options.key)
  const { address } = key
  const sendings = new Map<string, Sending>(journal.load().map((sending) => [sending.id, sending]))
  const trails = new Map<string, Trail>()
  const counts = { replaced: 0, rebroadcast: 0, voided: 0, displaced: 0 }
  const gap = { atHead: 0n, told: false }
  const witnesses = createWitnesses(endpoints, { address, depth: options.depth, now: deps.now })

  let turn: Promise<unknown> = Promise.resolve()
  let closing = false
  let wake: () => void = () => {}

  /** One at a time: each look and each new nonce sees all that was sent before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  async function sign(
    sending: Omit<Sending, 'raw'>,
    offer: Offer,
    { legacy, isVoid }: { readonly legacy: boolean; readonly isVoid: boolean },
  ): Promise<Sending> {
    const { nonce, to, data, gas } = sending
    const payload = isVoid ? { to: address, gas: transferGas } : { to, data, gas }
    const price = legacy
      ? ({ type: 'legacy', gasPrice: offer.maxFeePerGas } as const)
      : ({ type: 'eip1559', ...offer } as const)
    const raw = await key.sign({ ...payload, value: 0n, nonce, chainId: Number(chainId), ...price })
    return { ...sending, raw, attempts: [...sending.attempts, { hash: keccak256(raw), ...offer, isVoid }] }
  }

  /** Durable first. A pool that refuses it is asked again with the next look. */
  async function launch(sending: Sending, head: bigint): Promise<void> {
    journal.put(sending)
    sendings.set(sending.id, sending)
    trails.set(sending.id, newTrail(head))
    await witnesses.spread(sending.raw)
  }

  function end(sending: Sending, outcome: Outcome): void {
    deps.onEnd(sending, outcome)
    sendings.delete(sending.id)
    trails.delete(sending.id)
    if (outcome.kind === 'displaced') counts.displaced++
  }

  /** Its nonce is used: by which of its transactions, or by none of them? */
  async function lookMined(sending: Sending, trail: Trail): Promise<void> {
    const word = await witnesses.wordOn(sending.attempts.map(({ hash }) => hash))
    if (word.kind === 'disagree') return noteDisagreement(trail, 'receipt', { nonce: sending.nonce, ...word.facts })
    trail.disagreements = 0
    if (word.kind === 'unknown') return lookDisplaced(sending, trail)
    trail.usedWithoutReceipt = 0
    if (word.kind === 'young') return
    const { hash, succeeded, spent } = word.mined
    const isVoid = sending.attempts.find((attempt) => attempt.hash === hash)?.isVoid ?? true
    if (isVoid) return end(sending, { kind: 'displaced', spent })
    end(sending, { kind: succeeded ? 'mined' : 'reverted', hash, spent })
  }

  /** One that is a block late disagrees for a moment. */
  function noteDisagreement(trail: Trail, about: string, facts: Fault['facts']): void {
    trail.disagreements++
    if (trail.disagreements === lateLooks) onFault(endpoints.disagree(about, facts))
  }

  /** Only once all say so at depth, several times over: a second nonce for a call that is mined is a second effect. */
  async function lookDisplaced(sending: Sending, trail: Trail): Promise<void> {
    if (!(await witnesses.isUsedForAll(sending.nonce))) return
    trail.usedWithoutReceipt++
    if (trail.usedWithoutReceipt >= lateLooks) end(sending, { kind: 'displaced', spent: 0n })
  }

  /** Its nonce is free: it is on its way, forgotten, too cheap, or was taken back with a block. */
  async function lookWaiting(sending: Sending, trail: Trail, { head, count }: Seen): Promise<void> {
    trail.usedWithoutReceipt = 0
    const newest = sending.attempts.at(-1)
    if (newest === undefined) return
    // The blocks go on counting: some pools forget whatever the next block is too dear for.
    if (await witnesses.spreadWhereUnknown(newest.hash, sending.raw)) counts.rebroadcast++
    if (count.most > sending.nonce) noteDisagreement(trail, 'nonce', { nonce: sending.nonce, ...count })
    else trail.disagreements = 0
    const passed = head - trail.sinceBlock
    // A chain that went back: count from there.
    if (passed < 0n) trail.sinceBlock = head
    if (passed < BigInt(options.stuckAfterBlocks)) return
    const now = await witnesses.market()
    const raised = newest.isVoid ? undefined : raiseOffer(newest, now, sending.maxFeePerGas)
    if (raised !== undefined) {
      counts.replaced++
      return launch(await sign(sending, raised, { legacy: now.legacy, isVoid: false }), head)
    }
    const others = sendings.size > 1 && sending.nonce === count.most
    if (others && (newest.isVoid || passed >= BigInt(options.voidAfterBlocks))) await giveUp(sending, newest, now, head)
  }

  /** Replaces the call by nothing, at any price that may be paid for it. */
  async function giveUp(sending: Sending, before: Offer, now: Market & { readonly legacy: boolean }, head: bigint) {
    const offer = raiseOffer(before, now, 2n ** 128n)
    if (offer === undefined || !deps.mayVoid(offer.maxFeePerGas * transferGas)) return
    counts.voided++
    await launch(await sign(sending, offer, { legacy: now.legacy, isVoid: true }), head)
  }

  /** Nonces below ours that nobody holds keep all of ours from being mined. */
  async function fillGap({ head, count }: Seen): Promise<void> {
    const lowest = Math.min(...[...sendings.values()].map(({ nonce }) => nonce))
    if (!Number.isFinite(lowest) || lowest <= count.least) {
      gap.atHead = head
      gap.told = false
      return
    }
    if (gap.atHead === 0n) gap.atHead = head
    // A node that is late shows a gap for a while.
    if (head - gap.atHead < BigInt(options.stuckAfterBlocks)) return
    if (count.least !== count.most) return tellGap(endpoints.disagree('nonce', { ...count }))
    const now = await witnesses.market()
    const next = count.least
    const width = lowest - next
    const affordable = deps.mayVoid(now.maxFeePerGas * transferGas * BigInt(width))
    if (width > maxGapNonces || !affordable) {
      return tellGap(new Fault('nonce-gap', { address, next, lowest }))
    }
    for (let nonce = next; nonce < lowest; nonce++) {
      const filler = { id: `void-${nonce}`, nonce, to: address, data: '0x', gas: transferGas, attempts: [] } as const
      const signed = await sign({ ...filler, maxFeePerGas: now.maxFeePerGas }, now, {
        legacy: now.legacy,
        isVoid: true,
      })
      counts.voided++
      await launch(signed, head)
    }
  }

  function tellGap(fault: Fault): void {
    if (!gap.told) onFault(fault)
    gap.told = true
  }

  async function lookAtAll(): Promise<void> {
    const seen = await witnesses.look()
    await fillGap(seen)
    for (const sending of [...sendings.values()].sort((one, other) => one.nonce - other.nonce)) {
      const trail = trails.get(sending.id) ?? newTrail(seen.head)
      trails.set(sending.id, trail)
      if (sending.nonce < seen.count.least) await lookMined(sending, trail)
      else await lookWaiting(sending, trail, seen)
    }
  }

  /** One above our own last, whatever late endpoints count; what only some of them know of above that is not believed. */
  function nextNonce({ least, most }: Seen['count']): number {
    const next = Math.max(-1, ...[...sendings.values()].map(({ nonce }) => nonce)) + 1
    if (most <= next) return next
    if (least !== most) throw endpoints.disagree('nonce', { address, least, most })
    return most
  }

  const running = (async () => {
    while (!closing) {
      let pauseMs = endpoints.pollingMs
      try {
        if (sendings.size > 0) await inTurn(lookAtAll)
      } catch (cause) {
        // Everything else, above all a store that failed, stops the program.
        if (!isWaitedOut(cause)) throw cause
        onFault(cause)
        pauseMs = Math.max(pauseMs, faultPauseMs)
      }
      if (closing) return
      const stop = new AbortController()
      wake = () => stop.abort()
      const idle = sendings.size === 0
      await wait(idle ? 3_600_000 : pauseMs, undefined, { signal: stop.signal, ref: false }).catch(() => {})
    }
  })()

  return {
    address,
    async send({ id, to, data, gas, maxFeePerGas }) {
      const sent = await inTurn(async () => {
        if (sendings.has(id)) return 'sent'
        const [{ head, count }, now] = await Promise.all([witnesses.look(), witnesses.market()])
        if (now.expected > maxFeePerGas) return 'too-dear'
        const nonce = nextNonce(count)
        const call = { id, nonce, to, data, gas, maxFeePerGas, attempts: [] }
        const signed = await sign(call, firstOffer(now, maxFeePerGas), { legacy: now.legacy, isVoid: false })
        // From here on it is on its way, whatever the node says to it.
        await launch(signed, head).catch((cause: unknown) => {
          if (!isWaitedOut(cause)) throw cause
          onFault(cause)
        })
        return 'sent'
      })
      wake()
      return sent
    },
    underway: () => [...sendings.values()],
    counts: () => ({ ...counts }),
    async close() {
      closing = true
      wake()
      await running
      await turn
    },
  }
}
