/**
 * A model of the chain: channels, exits and holds, the accountant contract's money, blocks, reorgs.
 *
 * The contracts' rules as `payments.md` §8 states them, in integers, as far as money moves by them. It checks signatures by
 * itself, and takes none that the contracts would not. Reorganised transactions come again, in another order, or never.
 *
 * @module
 */

import {
  type Address,
  type Bytes32,
  type Crypto,
  hashlockOf,
  maxOf,
  minOf,
  recoverPromiseSigner,
  type SignedPromise,
  toHex,
} from '@myst/protocol'
import type { Random } from './random.ts'
import { nature, type Process, type VirtualTime } from './virtual-time.ts'

export interface ModelChannel {
  readonly consumer: Address
  readonly balance: bigint
  readonly settled: bigint
  readonly held: bigint
  /** Block timestamp, seconds; 0 where no exit is open. */
  readonly exitAtS: bigint
}

export interface ChainState {
  readonly channels: ReadonlyMap<Address, ModelChannel>
  /** What the accountant contract holds. */
  readonly pool: bigint
  /** Settled to providers. */
  readonly settled: ReadonlyMap<Address, bigint>
  /** What was asked of the pool and was not there. */
  readonly short: bigint
}

export interface Block {
  readonly number: bigint
  readonly timestampS: bigint
  readonly hash: Bytes32
  readonly state: ChainState
  readonly transactions: readonly Waiting[]
}

export interface Transaction {
  readonly what: string
  /** The state after it, or why it reverts. */
  apply(state: ChainState, timestampS: bigint): ChainState | string
  /** After a reorg it never comes again: its sender has spent the same coins elsewhere. */
  readonly fleeting?: boolean
}

interface Waiting {
  readonly transaction: Transaction
  mined(outcome: string): void
}

export interface ModelChain {
  readonly head: Block
  /** The newest block of that depth; the head has depth 1. */
  at(depth: number): Block
  byHash(hash: string): Block | undefined
  byNumber(number: bigint): Block
  /** Resolves when it is mined: `ok`, or why it reverted. */
  send(from: Process, transaction: Transaction): Promise<string>
  /** Undoes so many blocks. */
  reorg(blocks: number): void
  /** A settlement shows this preimage to everybody. */
  show(provider: Address, preimage: Uint8Array): void
  readonly shown: readonly { readonly provider: Address; readonly preimage: Uint8Array }[]
  /** While true, nobody reaches it. */
  away: boolean
  /** So many blocks stay as they are. */
  readonly finality: number
}

export const emptyChannel = (consumer: Address): ModelChannel => ({
  consumer,
  balance: 0n,
  settled: 0n,
  held: 0n,
  exitAtS: 0n,
})

const keptBlocks = 80

export function createModelChain(
  time: VirtualTime,
  random: Random,
  options: {
    readonly blockMs: number
    readonly genesis: ChainState
    readonly startS: bigint
    readonly finality: number
  },
): ModelChain {
  const timestampS = () => options.startS + BigInt(Math.floor(time.nowMs / 1000))
  let blocks: Block[] = [
    {
      number: 100n,
      timestampS: options.startS,
      hash: toHex(random.bytes(32)),
      state: options.genesis,
      transactions: [],
    },
  ]
  let waiting: Waiting[] = []
  const shown: { provider: Address; preimage: Uint8Array }[] = []
  const head = () => blocks.at(-1) as Block

  function mine(): void {
    const chosen = waiting
    waiting = []
    let { state } = head()
    const nowS = timestampS()
    for (const one of chosen) {
      const after = one.transaction.apply(state, nowS)
      if (typeof after !== 'string') state = after
      one.mined(typeof after === 'string' ? after : 'ok')
    }
    const number = head().number + 1n
    blocks.push({ number, timestampS: nowS, hash: toHex(random.bytes(32)), state, transactions: chosen })
    if (blocks.length > keptBlocks) blocks = blocks.slice(-keptBlocks)
  }
  const everyBlock = () => {
    mine()
    time.after(options.blockMs, nature, everyBlock)
  }
  time.after(options.blockMs, nature, everyBlock)

  const chain: ModelChain = {
    away: false,
    finality: options.finality,
    shown,
    show: (provider, preimage) => void shown.push({ provider, preimage }),
    get head() {
      return head()
    },
    at: (depth) => blocks.at(-Math.min(depth, blocks.length)) as Block,
    // From the newest on: who asks, asks about the last few.
    byHash: (hash) => blocks.findLast((block) => block.hash === hash),
    byNumber: (number) => blocks.findLast((block) => block.number === number) ?? (blocks[0] as Block),
    send: (from, transaction) =>
      new Promise((resolve) => {
        if (!from.alive) return
        waiting.push({
          transaction,
          mined: (outcome) => {
            if (from.alive) time.after(0, from, () => resolve(outcome))
          },
        })
      }),
    reorg(count) {
      const undone = blocks.slice(Math.max(1, blocks.length - count))
      blocks = blocks.slice(0, blocks.length - undone.length)
      const again = undone
        .flatMap(({ transactions }) => transactions)
        .filter(({ transaction }) => !transaction.fleeting)
      for (const one of again.toSorted(() => random.next() - 0.5)) waiting.push({ ...one, mined: () => {} })
      // The other branch is no shorter.
      for (let block = 0; block < undone.length; block++) mine()
    },
  }
  return chain
}

export interface ChainCrypto {
  readonly crypto: Crypto
  readonly chainId: bigint
  /** What the contracts' verifier would say of these 65 bytes, whoever signed. */
  readonly isCanonical: (signature: Uint8Array) => boolean
}

/** The contracts' calls, as transactions. */
export const calls = {
  topUp: (channel: Address, consumer: Address, amount: bigint, fleeting = false): Transaction => ({
    what: 'top-up',
    fleeting,
    apply(state) {
      const before = state.channels.get(channel) ?? emptyChannel(consumer)
      return withChannel(state, channel, { ...before, balance: before.balance + amount })
    },
  }),

  settleChannel: (of: ChainCrypto, channel: Address, signed: SignedPromise, preimage: Uint8Array): Transaction => ({
    what: 'collect',
    apply(state) {
      const before = state.channels.get(channel)
      const { amount, hashlock } = signed.promise
      if (before === undefined) return 'NoChannel'
      if (amount <= before.settled) return 'PromiseNotIncreasing'
      if (hashlockOf(of.crypto, preimage) !== hashlock) return 'WrongPreimage'
      if (!isSignedBy(of, channel, signed, before.consumer)) return 'WrongSigner'
      const paid = minOf(amount - before.settled, before.balance)
      if (paid === 0n) return 'NothingToPay'
      const after = { ...before, balance: before.balance - paid, settled: before.settled + paid }
      return withChannel({ ...state, pool: state.pool + paid }, channel, after)
    },
  }),

  hold: (of: ChainCrypto, channel: Address, signed: SignedPromise): Transaction => ({
    what: 'hold',
    apply(state) {
      const before = state.channels.get(channel)
      if (before === undefined) return 'NoChannel'
      if (!isSignedBy(of, channel, signed, before.consumer)) return 'WrongSigner'
      return withChannel(state, channel, { ...before, held: maxOf(before.held, signed.promise.amount) })
    },
  }),

  requestExit: (channel: Address, delayS: bigint): Transaction => ({
    what: 'request-exit',
    apply(state, nowS) {
      const before = state.channels.get(channel)
      if (before === undefined || before.exitAtS !== 0n) return 'ExitAlreadyRequested'
      return withChannel(state, channel, { ...before, exitAtS: nowS + delayS })
    },
  }),

  finalizeExit: (channel: Address): Transaction => ({
    what: 'finalize-exit',
    apply(state, nowS) {
      const before = state.channels.get(channel)
      if (before === undefined || before.exitAtS === 0n || nowS < before.exitAtS) return 'ExitTooEarly'
      const stays = minOf(before.balance, maxOf(0n, before.held - before.settled))
      return withChannel(state, channel, { ...before, balance: stays, exitAtS: 0n })
    },
  }),

  settleProvider: (provider: Address, amount: bigint): Transaction => ({
    what: 'settle',
    apply(state) {
      const before = state.settled.get(provider) ?? 0n
      if (amount <= before) return 'PromiseNotIncreasing'
      const paid = minOf(amount - before, state.pool)
      const settled = new Map(state.settled).set(provider, before + paid)
      return { ...state, settled, pool: state.pool - paid, short: state.short + (amount - before - paid) }
    },
  }),
}

const withChannel = (state: ChainState, channel: Address, after: ModelChannel): ChainState => ({
  ...state,
  channels: new Map(state.channels).set(channel, after),
})

function isSignedBy(
  { crypto, chainId, isCanonical }: ChainCrypto,
  channel: Address,
  signed: SignedPromise,
  by: Address,
) {
  const { promise, signature } = signed
  return isCanonical(signature) && recoverPromiseSigner(crypto, { chainId, channel }, promise, signature) === by
}
