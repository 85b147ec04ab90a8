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
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Address, Fault, type Hex, toHex } from '@myst/protocol'
import { keccak256, TransactionNotFoundError, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ChainClient, reach } from '../chain-client.ts'
import { readFees, transferGas } from '../deployment/fees.ts'
import { broadcast } from '../deployment/transaction.ts'
import { firstOffer, type Market, type Offer, type Outcome, raiseOffer, type Sending } from './sending.ts'

export interface OutboxDeps {
  readonly client: ChainClient
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
  readonly key: Uint8Array
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
   * @throws Fault `chain-unreachable`, `chain-wrong-id`: nothing was sent.
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
}

export function createOutbox(deps: OutboxDeps, options: OutboxOptions): Outbox {
  const { client, journal, onFault } = deps
  const { rpc, rpcUrl, chainId } = client
  const account = privateKeyToAccount(toHex(options.key))
  const address = account.address.toLowerCase() as Address
  const sendings = new Map<string, Sending>(journal.load().map((sending) => [sending.id, sending]))
  const trails = new Map<string, Trail>()
  const counts = { replaced: 0, rebroadcast: 0, voided: 0, displaced: 0 }
  const gap = { atHead: 0n, told: false }

  let turn: Promise<unknown> = Promise.resolve()
  let closing = false
  let wake: () => void = () => {}

  /** One at a time: each look and each new nonce sees all that was sent before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  interface Seen {
    readonly head: bigint
    /** Transactions of ours that are mined: the next nonce the chain takes. */
    readonly count: number
  }

  async function look(): Promise<Seen> {
    const seen = await reach(rpcUrl, async () => {
      const [served, block, count] = await Promise.all([
        rpc.getChainId(),
        rpc.getBlock({ blockTag: 'latest' }),
        rpc.getTransactionCount({ address, blockTag: 'latest' }),
      ])
      if (typeof block.number !== 'bigint' || !Number.isSafeInteger(count)) throw new TypeError('no head, or no count')
      return { served: BigInt(served), head: block.number, count }
    })
    // Another chain's counts and receipts would tell us that nonces are used, or free.
    if (seen.served !== chainId) throw new Fault('chain-wrong-id', { rpcUrl, expected: chainId, served: seen.served })
    return seen
  }

  async function market(): Promise<Market & { readonly legacy: boolean }> {
    const { expected, most, priority } = await readFees(client)
    const legacy = priority === undefined
    return { expected, legacy, maxFeePerGas: most, maxPriorityFeePerGas: priority ?? most }
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
    const raw = await account.signTransaction({ ...payload, value: 0n, nonce, chainId: Number(chainId), ...price })
    return { ...sending, raw, attempts: [...sending.attempts, { hash: keccak256(raw), ...offer, isVoid }] }
  }

  /** Durable first. A pool that refuses it is asked again with the next look. */
  async function launch(sending: Sending, head: bigint): Promise<void> {
    journal.put(sending)
    sendings.set(sending.id, sending)
    trails.set(sending.id, { sinceBlock: head, usedWithoutReceipt: 0 })
    await broadcast(client, sending.raw)
  }

  function end(sending: Sending, outcome: Outcome): void {
    deps.onEnd(sending, outcome)
    sendings.delete(sending.id)
    trails.delete(sending.id)
    if (outcome.kind === 'displaced') counts.displaced++
  }

  /** Its nonce is used: by which of its transactions, or by none of them? */
  async function lookMined(sending: Sending, trail: Trail, { head }: Seen): Promise<void> {
    const receipt = await receiptOf(sending)
    if (receipt === undefined) return lookDisplaced(sending, trail, head)
    trail.usedWithoutReceipt = 0
    if (head - receipt.blockNumber + 1n < BigInt(options.depth)) return
    const { hash } = await reach(rpcUrl, () => rpc.getBlock({ blockNumber: receipt.blockNumber }))
    // A node that keeps receipts of blocks that were taken back.
    if (hash !== receipt.blockHash) return
    const spent = receipt.gasUsed * receipt.effectiveGasPrice
    const mined = sending.attempts.find((attempt) => attempt.hash === receipt.transactionHash)
    if (mined?.isVoid !== false) return end(sending, { kind: 'displaced', spent })
    end(sending, { kind: receipt.status === 'success' ? 'mined' : 'reverted', hash: mined.hash, spent })
  }

  function receiptOf({ attempts }: Sending): Promise<TransactionReceipt | undefined> {
    return reach(rpcUrl, async () => {
      const found = await Promise.all(
        attempts.map(({ hash }) => rpc.getTransactionReceipt({ hash }).catch(undefinedIfUnknown)),
      )
      const receipt = found.find((one) => one !== undefined)
      if (receipt === undefined) return undefined
      const asked = attempts.some(({ hash }) => hash === receipt.transactionHash)
      const figures = [receipt.blockNumber, receipt.gasUsed, receipt.effectiveGasPrice]
      if (!asked || !figures.every((figure) => typeof figure === 'bigint')) throw new TypeError('no receipt of ours')
      return receipt
    })
  }

  /** Only once the chain says so at depth, several times over: a second nonce for a call that is mined is a second effect. */
  async function lookDisplaced(sending: Sending, trail: Trail, head: bigint): Promise<void> {
    const deep = head - BigInt(options.depth - 1)
    const count = await reach(rpcUrl, () => rpc.getTransactionCount({ address, blockNumber: deep < 0n ? 0n : deep }))
    if (count <= sending.nonce) return
    trail.usedWithoutReceipt++
    if (trail.usedWithoutReceipt >= lateLooks) end(sending, { kind: 'displaced', spent: 0n })
  }

  /** Its nonce is free: it is on its way, forgotten, too cheap, or was taken back with a block. */
  async function lookWaiting(sending: Sending, trail: Trail, { head, count }: Seen): Promise<void> {
    trail.usedWithoutReceipt = 0
    const newest = sending.attempts.at(-1)
    if (newest === undefined) return
    const known = await reach(rpcUrl, () => rpc.getTransaction({ hash: newest.hash }).catch(undefinedIfUnknown))
    if (known === undefined) {
      // The blocks go on counting: some pools forget whatever the next block is too dear for.
      await broadcast(client, sending.raw)
      counts.rebroadcast++
    }
    const passed = head - trail.sinceBlock
    // A chain that went back: count from there.
    if (passed < 0n) trail.sinceBlock = head
    if (passed < BigInt(options.stuckAfterBlocks)) return
    const now = await market()
    const raised = newest.isVoid ? undefined : raiseOffer(newest, now, sending.maxFeePerGas)
    if (raised !== undefined) {
      counts.replaced++
      return launch(await sign(sending, raised, { legacy: now.legacy, isVoid: false }), head)
    }
    const others = sendings.size > 1 && sending.nonce === count
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
    if (!Number.isFinite(lowest) || lowest <= count) {
      gap.atHead = head
      gap.told = false
      return
    }
    if (gap.atHead === 0n) gap.atHead = head
    // A node that is late shows a gap for a while.
    if (head - gap.atHead < BigInt(options.stuckAfterBlocks)) return
    const now = await market()
    const width = lowest - count
    const affordable = deps.mayVoid(now.maxFeePerGas * transferGas * BigInt(width))
    if (width > maxGapNonces || !affordable) {
      if (!gap.told) onFault(new Fault('nonce-gap', { address, next: count, lowest }))
      gap.told = true
      return
    }
    for (let nonce = count; nonce < lowest; nonce++) {
      const filler = { id: `void-${nonce}`, nonce, to: address, data: '0x', gas: transferGas, attempts: [] } as const
      const signed = await sign({ ...filler, maxFeePerGas: now.maxFeePerGas }, now, {
        legacy: now.legacy,
        isVoid: true,
      })
      counts.voided++
      await launch(signed, head)
    }
  }

  async function lookAtAll(): Promise<void> {
    const seen = await look()
    await fillGap(seen)
    for (const sending of [...sendings.values()].sort((one, other) => one.nonce - other.nonce)) {
      const trail = trails.get(sending.id) ?? { sinceBlock: seen.head, usedWithoutReceipt: 0 }
      trails.set(sending.id, trail)
      if (sending.nonce < seen.count) await lookMined(sending, trail, seen)
      else await lookWaiting(sending, trail, seen)
    }
  }

  const running = (async () => {
    while (!closing) {
      let pauseMs = rpc.pollingInterval
      try {
        if (sendings.size > 0) await inTurn(lookAtAll)
      } catch (cause) {
        if (!(cause instanceof Fault) || !waitedOut.has(cause.code)) throw cause
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
        const [{ head, count }, now] = await Promise.all([look(), market()])
        if (now.expected > maxFeePerGas) return 'too-dear'
        const last = Math.max(-1, ...[...sendings.values()].map((sending) => sending.nonce))
        const nonce = Math.max(count, last + 1)
        const call = { id, nonce, to, data, gas, maxFeePerGas, attempts: [] }
        const signed = await sign(call, firstOffer(now, maxFeePerGas), { legacy: now.legacy, isVoid: false })
        // From here on it is on its way, whatever the node says to it.
        await launch(signed, head).catch((cause: unknown) => {
          if (!(cause instanceof Fault) || cause.code !== 'chain-unreachable') throw cause
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

/** Everything else, above all a store that failed, stops the program. */
const waitedOut: ReadonlySet<string> = new Set(['chain-unreachable', 'chain-wrong-id'])

function undefinedIfUnknown(cause: unknown): undefined {
  if (cause instanceof TransactionReceiptNotFoundError || cause instanceof TransactionNotFoundError) return undefined
  throw cause
}
