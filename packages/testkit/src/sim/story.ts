/**
 * Stories: who is in a run, who cheats, and what goes wrong when, drawn from the seed.
 *
 * @module
 */

import type { StoryWish } from './mistakes.ts'
import type { Weather } from './network.ts'
import {
  type AccountantLie,
  accountantLies,
  type ConsumerCheat,
  consumerCheats,
  type ProviderCheat,
  providerCheats,
} from './players/cheats.ts'
import { createRandom, type Random } from './random.ts'

export type FaultPlan =
  | { readonly kind: 'weather'; readonly atMs: number; readonly forMs: number; readonly weather: Partial<Weather> }
  | { readonly kind: 'cut-off'; readonly atMs: number; readonly forMs: number; readonly who: string }
  | {
      readonly kind: 'crash'
      readonly atMs: number
      readonly forMs: number
      readonly who: string
      /** Just before or after its next commit took effect; absent: at once. */
      readonly atCommit?: 'before' | 'after'
    }
  | { readonly kind: 'old-backup'; readonly atMs: number; readonly who: string; readonly commitsAgo: number }
  | {
      readonly kind: 'clock'
      readonly atMs: number
      readonly forMs: number
      readonly who: string
      readonly byMs: number
    }
  | {
      /** The accountant's ledger, copied then, becomes its ledger now. */
      readonly kind: 'ledger-backup'
      readonly copiedAtMs: number
      readonly atMs: number
    }
  | { readonly kind: 'reorg'; readonly atMs: number; readonly blocks: number }
  | { readonly kind: 'chain-away'; readonly atMs: number; readonly forMs: number }
  | { readonly kind: 'fleeting-top-up'; readonly atMs: number; readonly who: string; readonly amount: bigint }
  | { readonly kind: 'withhold-and-exit'; readonly atMs: number; readonly consumer: string; readonly provider: string }

export interface Story {
  readonly realCurve: boolean
  readonly leastTimerMs: number
  readonly lengthMs: number
  readonly minInvoiceMs: number
  readonly bytesPerSecond: number
  readonly blockMs: number
  readonly finality: number
  readonly feeRate: number
  readonly exitDelayS: number
  /** After an old backup of its ledger the accountant draws on no channel for so long. */
  readonly recoveryMs: number
  readonly lie?: AccountantLie | undefined
  /** Whose partner the liar is. */
  readonly favours?: string | undefined
  /** The defaults of `payments.md` §6 as they are, and no old states of disks. */
  readonly quiet?: boolean
  readonly providers: readonly {
    readonly cheat?: ProviderCheat | undefined
    /** Left out of the story; the others keep their names. */
    readonly absent?: boolean
  }[]
  readonly consumers: readonly {
    readonly cheat?: ConsumerCheat | undefined
    readonly host: string
    readonly parallel: number
    readonly budget?: bigint | undefined
    readonly balance: bigint
    readonly vanishes?: boolean
    /** Comes often and stays briefly. */
    readonly restless?: boolean
    /** How long it stays, at least and at most; absent: some seconds. */
    readonly staysMs?: readonly [number, number]
    /** Leaves its channel in the middle of it all, with a provider's help. */
    readonly exits?: boolean
    readonly absent?: boolean
  }[]
  readonly faults: readonly FaultPlan[]
}

const milli = 10n ** 15n
/** One run in so many is on the real curve. */
const realCurveEvery = 100
/** In one run in so many the accountant's ledger is an old backup. */
const ledgerBackupEvery = 20
/** A provider looks after its accountant a minute after its start. */
const lookWithinMs = 70_000
const hourMs = 3_600_000

/** `pair`: a consumer and a provider; the others with a plus: the accountant lies for its partner's good. */
const cheaters = [
  'nobody',
  'nobody',
  'consumer',
  'consumer',
  'provider',
  'accountant',
  'pair',
  'accountant+consumer',
  'accountant+provider',
] as const
export type Cheater = (typeof cheaters)[number]

/** @param wish what a story must have, for a mistake to show; all else is chance. */
export function drawStory(random: Random, seed: number, wish: StoryWish = {}): Story {
  const cheater = wish.cheater ?? random.pick(cheaters)
  const cheatOf = <T extends string>(cheats: readonly T[]): T => {
    return cheats.find((cheat) => cheat === wish.cheat) ?? random.pick(cheats)
  }
  const lengthMs = wish.lengthMs ?? random.between(20_000, 60_000)
  const honestProviders = random.between(1, 2)
  const liar = cheater.startsWith('accountant')
  const needsHonest = cheater === 'nobody' || cheater === 'accountant' || cheater === 'accountant+provider'
  const honestConsumers = needsHonest ? random.between(1, 3) : random.between(0, 2)
  const providers: { cheat?: ProviderCheat }[] = Array.from({ length: honestProviders }, () => ({}))
  if (cheater === 'provider' || cheater === 'accountant+provider') providers.push({ cheat: cheatOf(providerCheats) })
  const consumers: Story['consumers'][number][] = Array.from({ length: honestConsumers }, (_, index) => ({
    host: `203.0.${index}.7`,
    parallel: providers.length > 1 && random.chance(0.4) ? 2 : 1,
    // Some hold little more than what a session needs to begin.
    balance: random.chance(0.2) ? BigInt(random.between(4, 12)) * milli : 5000n * milli,
    ...(random.chance(0.2) ? { budget: BigInt(random.between(1, 30)) * milli } : {}),
  }))
  if (cheater === 'consumer' || (consumers.length === 0 && cheater !== 'pair' && cheater !== 'accountant+consumer')) {
    const cheat = cheater === 'consumer' ? cheatOf(consumerCheats) : undefined
    // A crowd of fresh identities behind one address, or one cheat alone.
    const crowd = cheat === 'never-pays' ? random.between(1, 6) : 1
    for (let one = 0; one < crowd; one++) {
      consumers.push({
        cheat,
        host: '203.0.113.9',
        parallel: cheat === 'pays-twice' ? 2 : 1,
        balance: 5000n * milli,
        restless: cheat !== undefined && random.chance(0.6),
      })
    }
  }
  // It holds what a session needs to begin, and its partner vouches for more.
  if (cheater === 'accountant+consumer') {
    const balance = BigInt(random.between(4, 8)) * milli
    consumers.push({ cheat: 'outspends', host: '203.0.113.9', parallel: 1, balance, restless: random.chance(0.3) })
  }
  const pair = cheater === 'pair'
  if (pair) consumers.push({ host: '203.0.113.9', parallel: 1, balance: 500n * milli, exits: true })
  const names = [
    'accountant',
    ...providers.map((_, index) => `provider-${1 + index}`),
    ...consumers.map((_, index) => `consumer-${20 + index}`),
  ]
  const finality = random.between(2, 6)
  const drawn = Array.from({ length: random.under(7) }, () => drawFault(random, lengthMs, names, finality))
  // A liar's refusals count for a day: a clock that jumps by one makes another of it.
  const faults = drawn.filter(({ kind }) => !liar || kind !== 'clock')
  const wished = wish.fault
  if (wished !== undefined && wished.kind !== 'ledger-backup') faults.push(wishedFault(random, lengthMs, wished))
  const losesLedger = wished?.kind === 'ledger-backup' || (wished === undefined && seed % ledgerBackupEvery === 7)
  if (pair) {
    const consumer = names.at(-1) as string
    faults.push({ kind: 'withhold-and-exit', atMs: Math.floor(lengthMs / 2), consumer, provider: 'provider-1' })
  }
  return {
    realCurve: wish.realCurve ?? seed % realCurveEvery === realCurveEvery - 1,
    leastTimerMs: random.pick([200, 1000, 1000, 1000]),
    lengthMs: pair ? lengthMs + 60_000 : lengthMs,
    minInvoiceMs: random.pick([1000, 2500, 5000]),
    bytesPerSecond: random.pick(
      cheater === 'consumer' || liar ? [5_000_000, 20_000_000] : [500_000, 2_000_000, 5_000_000],
    ),
    blockMs: 2_000,
    finality,
    feeRate: random.pick([0, 500, 2000, 3000]),
    exitDelayS: 60,
    recoveryMs: lengthMs + lookWithinMs,
    lie: cheater === 'accountant+consumer' ? 'vouches' : liar ? cheatOf(accountantLies) : undefined,
    favours: favouredBy(cheater, providers.length, consumers.length),
    providers,
    consumers,
    faults: losesLedger && !liar && !pair ? withLedgerBackup(faults, lengthMs, seed) : faults,
  }
}

/**
 * The end of a recovery is a time, and each provider is to have what it was answered: no clock of the accountant's jumps, and
 * nobody else comes with an old backup.
 */
function withLedgerBackup(faults: readonly FaultPlan[], lengthMs: number, seed: number): readonly FaultPlan[] {
  const random = createRandom(-seed)
  const atMs = random.between(Math.floor(lengthMs / 2), lengthMs - 1)
  const others = faults.filter(({ kind }) => kind !== 'old-backup' && kind !== 'clock')
  return [...others, { kind: 'ledger-backup', copiedAtMs: random.between(0, atMs), atMs }]
}

type WishedFault = Exclude<NonNullable<StoryWish['fault']>, { kind: 'ledger-backup' }>

/** The partner comes last. */
function favouredBy(cheater: Cheater, providers: number, consumers: number): string | undefined {
  if (cheater === 'accountant+provider') return `provider-${providers}`
  return cheater === 'accountant+consumer' ? `consumer-${19 + consumers}` : undefined
}

function wishedFault(random: Random, lengthMs: number, { kind, who }: WishedFault): FaultPlan {
  const atMs = Math.floor(lengthMs / 3)
  switch (kind) {
    case 'clock':
      return { kind, atMs, forMs: lengthMs + 60_000, who, byMs: -random.between(1, 100) * hourMs }
    case 'crash':
      return { kind, atMs, forMs: 1_000, who }
    case 'old-backup':
      return { kind, atMs, who, commitsAgo: random.between(2, 12) }
  }
}

function drawFault(random: Random, lengthMs: number, names: readonly string[], finality: number): FaultPlan {
  const atMs = random.under(lengthMs)
  const forMs = random.between(500, 20_000)
  const who = random.pick(names)
  const consumer = random.pick(names.filter((name) => name.startsWith('consumer')))
  const kind = random.pick([
    'weather',
    'weather',
    'cut-off',
    'crash',
    'crash',
    'crash',
    'old-backup',
    'clock',
    'reorg',
    'chain-away',
    'fleeting-top-up',
  ] as const)
  switch (kind) {
    case 'weather': {
      const mostDelayMs = random.pick([50, 300, 2000])
      const weather = { loss: random.next() * 0.3, duplication: random.next() * 0.5, leastDelayMs: 5, mostDelayMs }
      return { kind, atMs, forMs, weather }
    }
    case 'cut-off':
      return { kind, atMs, forMs, who }
    case 'crash': {
      const atCommit = random.pick(['before', 'after', undefined] as const)
      return { kind, atMs, forMs, who, ...(atCommit === undefined ? {} : { atCommit }) }
    }
    case 'old-backup': {
      const owner = random.pick(names.filter((name) => name !== 'accountant'))
      return { kind, atMs, who: owner, commitsAgo: random.between(1, 20) }
    }
    case 'clock': {
      const byMs = random.pick([hourMs, -hourMs, 365 * 24 * hourMs, -365 * 24 * hourMs, 60_000])
      return { kind, atMs, forMs, who, byMs }
    }
    case 'reorg':
      return { kind, atMs, blocks: random.between(1, finality - 1) }
    case 'chain-away':
      return { kind, atMs, forMs }
    case 'fleeting-top-up':
      return { kind, atMs, who: consumer, amount: BigInt(random.between(1, 1000)) * milli }
  }
}
