/**
 * Worlds for the tests of solvency: a ledger's records, and beside them our own list of what happened. What must hold is
 * judged by the list alone.
 *
 * @module
 */

import { type Address, type Batch, type Bytes32, type Crypto, zeroAddress } from '@myst/protocol'
import { alice } from '@myst/testkit'
import type { LedgerDraft, LedgerRecords } from './records.ts'
import type * as LedgerTesting from './testing.ts'

/** The ledger that is tested, or one with a planted mistake. */
export type Subject = typeof LedgerTesting

export interface World {
  readonly records: { readonly [T in keyof LedgerRecords]: ReadonlyMap<string, LedgerRecords[T]> }
  /** What was credited. */
  readonly items: readonly {
    consumer: Address
    provider: Address
    lock: string
    amount: number
    delta: number
    /** Of its agreement, which is named with it. */
    total: string
  }[]
  /** What the accountant signed. */
  readonly promises: readonly { provider: Address; lock: string; amount: number }[]
  readonly revealed: ReadonlySet<string>
  readonly epochs: Readonly<Record<Address, number>>
}

export const nothing: World = {
  records: {
    channels: new Map(),
    agreements: new Map(),
    providers: new Map(),
    locks: new Map(),
    payouts: new Map(),
    totals: new Map(),
    fastExits: new Map(),
    floors: new Map(),
    clock: new Map(),
    recovery: new Map(),
    losses: new Map(),
    bounties: new Map(),
    grants: new Map(),
  },
  items: [],
  promises: [],
  revealed: new Set(),
  epochs: {},
}

export interface Wish {
  readonly consumer: Address
  readonly amount: number
  readonly total: number
  readonly lock?: Bytes32
  readonly id?: number
}

export interface SendOptions {
  /** Keeps the last preimage back: nothing must come of it. */
  readonly withhold?: boolean
  readonly capacity?: number
  readonly exit?: 'none' | 'early' | 'late'
  /** Of which the capacity is. */
  readonly block?: number
}

export interface FastExitWish {
  readonly consumer: Address
  readonly amount: number
  readonly nonce: number
  readonly capacity: number
  readonly settled: number
  readonly block: number
  readonly pendingExit: boolean
}

export interface FastExitLook {
  readonly nonce: number
  readonly isNonceUsed: boolean
  /** Its deadline is over. */
  readonly isLate: boolean
  readonly block: number
}

export interface Worlds {
  lock(provider: Address, epoch: number): Bytes32
  /** One batch. @returns the world after it, and the code of each refused item; a refused batch leaves the world as it is. */
  send(world: World, provider: Address, wishes: readonly Wish[], options?: SendOptions): [World, (string | undefined)[]]
  reveal(world: World, provider: Address): World
  /** @returns the world in which it is co-signed; undefined where it is refused. */
  fastExit(world: World, wish: FastExitWish): World | undefined
  /** The accountant looks whether it is over. */
  fastExitLook(world: World, consumer: Address, look: FastExitLook): World
  /** A month passes, and all is forgotten that may be. */
  month(world: World): World
  /** The subset of secret preimages that ruins the accountant, or undefined. */
  ruin(world: World): string | undefined
  /** Two worlds with one key go on alike: what was revealed matters by its sums alone. */
  keyOf(world: World): string
}

/** Any function that gives different bytes for different ones will do here. */
const crypto: Crypto = {
  keccak256: (bytes) => bytes.map((byte) => byte ^ 0xff),
  sign: () => new Uint8Array(65),
  recover: () => undefined,
  addressOf: () => alice.identity,
}
const signed = {
  promiseSignature: new Uint8Array(65),
  answer: { content: new Uint8Array(0), signature: new Uint8Array(65) },
}

export function createWorlds(
  subject: Subject,
  { consumers, providers }: { readonly consumers: readonly Address[]; readonly providers: readonly Address[] },
): Worlds {
  const { channelOf, item, lockOf, preimageOf, word } = subject
  const locks = new Map<string, Bytes32>()

  function lock(provider: Address, epoch: number): Bytes32 {
    const key = `${provider}/${epoch}`
    const known = locks.get(key) ?? lockOf(provider, BigInt(epoch), crypto)
    locks.set(key, known)
    return known
  }

  function send(world: World, provider: Address, wishes: readonly Wish[], options: SendOptions = {}) {
    const { withhold = false, capacity = 1000, exit = 'none', block } = options
    const draft = draftOf(world)
    const epoch = (world.epochs[provider] ?? 0) + 1
    const before = draft.get('providers', provider)
    const shows = !withhold && before?.unrevealed !== undefined
    const batch: Batch = {
      provider,
      epoch: BigInt(epoch),
      hashlock: lock(provider, epoch),
      previousAmount: before?.promise.amount ?? 0n,
      ...(shows ? { lastPreimage: preimageOf(provider, before.promise.epoch) } : {}),
      items: wishes.map(({ consumer, amount, total, id = 1, lock: of = lock(provider, epoch) }) =>
        item({ consumer, provider, amount: BigInt(amount), total: BigInt(total), id: word(id), lock: of }),
      ),
    }
    const facts = batch.items.map(({ consumer }) => ({
      channel: channelOf(consumer),
      signer: consumer,
      capacity: BigInt(capacity),
      exit,
      ...(block === undefined ? {} : { block: BigInt(block) }),
    }))
    const { content } = signed.answer
    const command = { kind: 'exchange', batch, content, digest: word(epoch), facts, feeRate: 0, minDelta: 1n } as const
    const outcome = subject.applyCommand(draft, crypto, command)
    if (!('decision' in outcome)) return [world, []] as [World, undefined[]]
    subject.recordAnswer(draft, outcome.decision, signed)
    const { verdicts } = outcome.decision.answer
    const credited = batch.items.flatMap(({ consumer, promise: { hashlock, amount, agreement } }, index) => {
      const { code, delta } = verdicts[index] ?? { code: 'none', delta: 0n }
      return code === undefined
        ? [
            {
              consumer,
              provider,
              lock: hashlock,
              amount: Number(amount),
              delta: Number(delta),
              total: `${agreement.id} ${agreement.total}`,
            },
          ]
        : []
    })
    const after: World = {
      records: draft.done(),
      items: [...world.items, ...credited],
      promises: [
        ...world.promises,
        { provider, lock: batch.hashlock, amount: Number(outcome.decision.promise.amount) },
      ],
      revealed: shows ? new Set([...world.revealed, lock(provider, epoch - 1)]) : world.revealed,
      epochs: { ...world.epochs, [provider]: epoch },
    }
    return [after, verdicts.map(({ code }) => code)] as [World, (string | undefined)[]]
  }

  function reveal(world: World, provider: Address): World {
    const epoch = world.epochs[provider] ?? 0
    const draft = draftOf(world)
    const preimage = preimageOf(provider, BigInt(epoch))
    const outcome = subject.applyCommand(draft, crypto, { kind: 'reveal', provider, preimage })
    if (!('result' in outcome) || outcome.result !== true) return world
    return { ...world, records: draft.done(), revealed: new Set([...world.revealed, lock(provider, epoch)]) }
  }

  function fastExit(world: World, { consumer, amount, nonce, capacity, settled, block, pendingExit }: FastExitWish) {
    const draft = draftOf(world)
    const exit = { ...noExit, beneficiary: consumer, amount: BigInt(amount), nonce: BigInt(nonce), deadline: 1n }
    const seen = { capacity: BigInt(capacity), settled: BigInt(settled), block: BigInt(block), pendingExit }
    const outcome = subject.applyCommand(draft, crypto, {
      kind: 'open-fast-exit',
      channel: channelOf(consumer),
      consumer,
      exit,
      signature: signed.promiseSignature,
      headTimestampS: 0n,
      maxLifetimeS: 1n,
      ...seen,
    })
    const opened = 'result' in outcome ? (outcome.result as { readonly ok: boolean }) : { ok: false }
    return opened.ok ? { ...world, records: draft.done() } : undefined
  }

  function fastExitLook(world: World, consumer: Address, look: FastExitLook): World {
    const draft = draftOf(world)
    subject.applyCommand(draft, crypto, {
      kind: 'close-fast-exit',
      channel: channelOf(consumer),
      nonce: BigInt(look.nonce),
      block: BigInt(look.block),
      timestampS: look.isLate ? 2n : 1n,
      isNonceUsed: look.isNonceUsed,
    })
    return { ...world, records: draft.done() }
  }

  function month(world: World): World {
    const draft = draftOf(world)
    const agreements = [...world.records.agreements.keys()].map((key) => {
      const [channel, provider, id] = key.split('/') as [Address, Address, Bytes32]
      return { channel, provider, id }
    })
    const channels = [...world.records.channels.keys()] as Address[]
    const locks = [...world.records.locks.keys()] as Bytes32[]
    for (const elapsedMs of [30 * 86_400_000, 0]) {
      subject.applyCommand(draft, crypto, { kind: 'age', elapsedMs, channels, agreements, locks })
    }
    return { ...world, records: draft.done() }
  }

  function ruin(world: World): string | undefined {
    const secret = [...new Set(world.promises.map((of) => of.lock))].filter((of) => !world.revealed.has(of))
    for (let subset = 0; subset < 2 ** secret.length; subset++) {
      const shown = new Set([...world.revealed, ...secret.filter((_, at) => (subset & (1 << at)) !== 0)])
      const owed = providers.reduce((sum, provider) => {
        const here = world.promises.filter((of) => of.provider === provider && shown.has(of.lock))
        return sum + most(here.map(({ amount }) => amount))
      }, 0)
      let collectable = 0
      for (const consumer of consumers) {
        const here = world.items.filter((of) => of.consumer === consumer && shown.has(of.lock))
        const amount = most(here.map((of) => of.amount))
        const credited = here.reduce((sum, { delta }) => sum + delta, 0)
        if (credited > amount) return `A3: ${credited} credited on a promise of ${amount}`
        collectable += amount
      }
      if (owed > collectable) return `A1: owes ${owed}, can collect ${collectable}`
    }
    return undefined
  }

  function keyOf(world: World): string {
    const open = (of: string) => !world.revealed.has(of)
    const perProvider = providers.map((provider) => {
      const own = world.promises.filter((of) => of.provider === provider)
      const shown = own.filter((of) => !open(of.lock)).map(({ amount }) => amount)
      return [most(shown), own.filter((of) => open(of.lock)).map(({ amount }) => amount)]
    })
    const perChannel = consumers.map((consumer) => {
      const account = world.records.channels.get(channelOf(consumer))
      const own = world.items.filter((of) => of.consumer === consumer)
      const shown = own.filter((of) => !open(of.lock))
      const secret = own.filter((of) => open(of.lock)).map(({ amount, delta, provider }) => [amount, delta, provider])
      return [
        `${account?.revealedAmount}/${account?.revealedSum}/${account?.open.map((of) => [of.delta, of.signed.promise.amount])}`,
        floorKey(world.records.floors.get(channelOf(consumer))),
        fastExitKey(world.records.fastExits.get(channelOf(consumer))),
        most(shown.map(({ amount }) => amount)),
        shown.reduce((sum, { delta }) => sum + delta, 0),
        secret.sort(),
      ]
    })
    const totals = [...world.records.agreements].map(([key, { total }]) => `${key}=${total}`).sort()
    return JSON.stringify([perProvider, perChannel, totals])
  }

  return { lock, send, reveal, fastExit, fastExitLook, month, ruin, keyOf }
}

const noExit = { transactor: zeroAddress, fee: 0n }
const floorKey = (of: LedgerRecords['floors'] | undefined) => (of === undefined ? '' : `${of.floor}/${of.mark?.amount}`)
const fastExitKey = (of: LedgerRecords['fastExits'] | undefined) =>
  of === undefined ? '' : `${of.isOpen && of.exit.amount}/${of.exit.nonce}/${of.sinceBlock}`

const most = (amounts: readonly number[]): number => amounts.reduce((a, b) => Math.max(a, b), 0)

function draftOf(world: World): LedgerDraft & { done(): World['records'] } {
  const records = Object.fromEntries(Object.entries(world.records).map(([name, of]) => [name, new Map(of as never)]))
  const tables = records as { [T in keyof LedgerRecords]: Map<string, LedgerRecords[T]> }
  return {
    get: (name, key) => tables[name].get(key),
    put: (name, key, record) => void tables[name].set(key, record),
    remove: (name, key) => void tables[name].delete(key),
    done: () => tables,
  }
}
