/**
 * Settler: brings earnings home by itself, from every accountant that has promised any, and says what it would cost.
 *
 * Each accountant is attended to by itself: what one of them refuses holds up no other, and no session waits for any.
 *
 * @module
 */

import { type Clock, createRetrySpread, type NodeKeys, type RetrySpread } from '@myst/billing'
import { type ChainClient, reach } from '@myst/chain'
import { registryAbi } from '@myst/contracts'
import type { SettlerPolicy } from '@myst/payments'
import { type Address, type Crypto, Fault, type NetworkProfile } from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { atMost } from '../patient.ts'
import type { TransactorClient } from '../transactor-client.ts'
import { withAny } from '../transactors.ts'
import { type AccountSettler, createAccountSettler, type Settled } from './account-settler.ts'
import type { Payment } from './payment-history.ts'
import { type Promised, requireFairFee, type SettleTo } from './settle-request.ts'

/** One accountant that has promised us something, or may. */
export interface EarningsSource {
  readonly uncredited: bigint
  newest(): Promised | undefined
  /** Exchanges what is pending. */
  flush(): Promise<void>
}

export interface SettlerDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly client: ChainClient
  readonly transactors: readonly TransactorClient[]
  readonly sources: () => ReadonlyMap<Address, EarningsSource>
  readonly onChange: () => void
  readonly log: (line: string) => void
  /** Of [0, 1): when to try again; `Math.random` where absent. */
  readonly random?: () => number
}

export interface SettlerOptions {
  readonly keys: NodeKeys
  readonly profile: NetworkProfile
  readonly policy: SettlerPolicy
  /** False: settled is only what somebody asks for. */
  readonly automatic: boolean
  readonly to: SettleTo
}

export interface AccountEarnings {
  readonly accountant: Address
  /** Promised by consumers and not yet by the accountant. */
  readonly uncredited: bigint
  /** Promised by the accountant so far. */
  readonly promised: bigint
  /** Paid out so far; absent while the chain was not asked yet. */
  readonly settled: bigint | undefined
  /** What transactors took of it. */
  readonly fees: bigint
  readonly unsettled: bigint
  /** Of what is unsettled, what our stake there answers for. */
  readonly guaranteed: bigint
  readonly stake: bigint
  /** Of what is unsettled, what is on its way. */
  readonly settling: bigint
  readonly problem: Fault | undefined
}

export interface SettlementPreview {
  readonly accountant: Address
  /** What the contract would pay, the fee included. */
  readonly due: bigint
  readonly fee: bigint
  readonly arrives: bigint
  /** The accountant itself where it goes into stake. */
  readonly to: Address
  /** Who would carry it: a URL, or `wallet`. */
  readonly transactor: string
  /** At most, in the chain's coin, where our own wallet pays it. */
  readonly gas: bigint | undefined
  /** Why it would not be settled. */
  readonly refusal: Fault | undefined
}

export interface SettleAsk extends SettleTo {
  readonly accountant?: Address
}

export interface Settler {
  earnings(): readonly AccountEarnings[]
  /** Newest first. */
  payments(): readonly (Payment & { readonly accountant: Address })[]
  preview(ask: SettleAsk): Promise<readonly SettlementPreview[]>
  /** All that is due, or of one accountant. @throws what the only one, or every one of them, threw. */
  settle(ask: SettleAsk): Promise<{ readonly settled: readonly Settled[]; readonly refused: readonly Refused[] }>
  /** Reads what the chain says of each, where that is older than this. What can't be read stays as it was. */
  look(maxAgeMs: number): Promise<void>
  close(): Promise<void>
}

export interface Refused {
  readonly accountant: Address
  readonly fault: Fault
}

/** New credit is noticed so late; the chain is asked only when something is due. */
const everyMs = 500
/** What is under way, or not yet confirmed, is looked at so often; the rest more rarely: other machines and payouts change it. */
const lookMs = { underway: 2_000, idle: 60_000 } as const
/** A transaction takes longer; what is on its way is followed by the next start. */
const closeMs = 1_000
/** Gas may be cheaper then. */
const dearMs = 600_000

interface Attended {
  readonly settler: AccountSettler
  readonly retry: RetrySpread
  dueMs: number
  /** All that was promised when it was looked at last. */
  promised: bigint
  busy: Promise<void> | undefined
}

export function createSettler(deps: SettlerDeps, options: SettlerOptions): Settler {
  const { clock, client, transactors, log } = deps
  const { keys, profile, policy } = options
  const network = profile
  const attended = new Map<Address, Attended>()
  let last = ''
  let lookedMs = Number.NEGATIVE_INFINITY
  let closed = false
  /** What can't be made durable any more is not sent either. */
  const store: RecordStore = {
    load: (name) => deps.store.load(name),
    commit(writes) {
      if (closed) throw new Fault('node-stopping')
      deps.store.commit(writes)
    },
    close() {},
  }

  function of(accountant: Address): Attended {
    let one = attended.get(accountant)
    if (one === undefined) {
      const newest = () => deps.sources().get(accountant)?.newest()
      const settler = createAccountSettler(
        { ...deps, store, newest },
        { accountant, keys, network, policy, to: options.to },
      )
      const retry = createRetrySpread(deps.random ?? Math.random)
      one = { settler, retry, dueMs: clock.elapsedMs(), promised: 0n, busy: undefined }
      attended.set(accountant, one)
    }
    return one
  }

  /** Those that have promised something, or have settled something of us that is under way. */
  function all(): readonly (readonly [Address, Attended])[] {
    const named = [...deps.sources()]
      .filter(([, { newest }]) => newest() !== undefined)
      .map(([accountant]) => accountant)
    return [...new Set([...named, ...attended.keys()])].map((accountant) => [accountant, of(accountant)])
  }

  /** Unsettled and not guaranteed, at all others. */
  const elsewhere = (accountant: Address): bigint =>
    [...attended].reduce((sum, [other, { settler }]) => {
      const above = settler.unsettled - (settler.history.account?.guarantee ?? 0n)
      return other === accountant || above < 0n ? sum : sum + above
    }, 0n)

  async function attend(accountant: Address, one: Attended): Promise<void> {
    const { settler, retry } = one
    one.promised = promisedBy(accountant)
    await settler.attend(elsewhere(accountant), options.automatic)
    const { problem, open, history } = settler
    if (problem === undefined) retry.worked()
    const isUnderway = open !== undefined || history.payments.some(({ isConfirmed }) => !isConfirmed)
    const waitMs = isUnderway ? lookMs.underway : lookMs.idle
    one.dueMs = clock.elapsedMs() + waitAfter(problem, retry, waitMs)
    tell()
  }

  const waitAfter = (problem: Fault | undefined, retry: RetrySpread, otherwise: number): number => {
    if (problem === undefined) return otherwise
    return problem.code === 'settlement-dear' || problem.code.startsWith('fee-') ? dearMs : retry.failed()
  }

  const promisedBy = (accountant: Address): bigint => deps.sources().get(accountant)?.newest()?.amount ?? 0n

  function tick(): void {
    for (const [accountant, one] of all()) {
      if (one.busy !== undefined) continue
      // What was credited since may be a reason; a problem is waited out all the same.
      const isNews = one.settler.problem === undefined && promisedBy(accountant) !== one.promised
      if (clock.elapsedMs() < one.dueMs && !isNews) continue
      one.busy = attend(accountant, one)
        .catch((cause) => log(`settling failed: ${cause instanceof Error ? cause.message : cause}`))
        .finally(() => {
          one.busy = undefined
        })
    }
  }
  const timer = setInterval(tick, everyMs)

  /** One event for each change, and none without. */
  function tell(): void {
    const now = JSON.stringify([earnings(), payments().slice(0, 1)], (_, value) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    if (now !== last) deps.onChange()
    last = now
  }

  function earnings(): readonly AccountEarnings[] {
    const sources = deps.sources()
    return [...new Set([...sources.keys(), ...attended.keys()])].map((accountant) => {
      const { settler } = of(accountant)
      const { account } = settler.history
      const promised = promisedBy(accountant)
      const unsettled = account === undefined ? promised : settler.unsettled
      const guarantee = account?.guarantee ?? 0n
      return {
        accountant,
        uncredited: sources.get(accountant)?.uncredited ?? 0n,
        promised,
        settled: account?.settled,
        fees: settler.history.fees,
        unsettled,
        guaranteed: unsettled < guarantee ? unsettled : guarantee,
        stake: account?.stake ?? 0n,
        settling: settler.open?.due ?? 0n,
        problem: settler.problem,
      }
    })
  }

  const payments = () =>
    [...attended]
      .flatMap(([accountant, { settler }]) => settler.history.payments.map((payment) => ({ ...payment, accountant })))
      .sort((a, b) => Number(b.block - a.block) || b.logIndex - a.logIndex)

  /** Each by itself, all at once. */
  async function each<T>(ask: SettleAsk, work: (one: Attended, accountant: Address) => Promise<T>) {
    const chosen = all().filter(([accountant]) => ask.accountant === undefined || ask.accountant === accountant)
    return Promise.all(
      chosen.map(async ([accountant, one]) => {
        try {
          return { accountant, done: await work(one, accountant) }
        } catch (fault) {
          if (!(fault instanceof Fault)) throw fault
          return { accountant, fault }
        }
      }),
    )
  }

  async function beneficiaryOf({ into, beneficiary }: SettleTo, accountant: Address): Promise<Address> {
    if (into === 'stake') return accountant
    if (beneficiary !== undefined) return beneficiary
    const call = { address: profile.contracts.registry, abi: registryAbi, functionName: 'beneficiaryOf' } as const
    const found = await reach(client.rpcUrl, () => client.rpc.readContract({ ...call, args: [keys.identity] }))
    return found.toLowerCase() as Address
  }

  return {
    earnings,
    payments,
    async preview(ask) {
      const to = { ...options.to, ...ask }
      const answers = await each(ask, async ({ settler }, accountant) => {
        await deps.sources().get(accountant)?.flush()
        await settler.look()
        const due = settler.unsettled
        if (due === 0n) throw new Fault('nothing-to-settle')
        const payee = await beneficiaryOf(to, accountant)
        return withAny(transactors, log, async (transactor) => {
          const { fee, gas } = await transactor.quote('settle')
          const seen = { accountant, due, fee, arrives: due > fee ? due - fee : 0n, to: payee }
          return { ...seen, transactor: transactor.name, gas, refusal: refusalOf(() => requireFairFee(fee, due)) }
        })
      })
      return done(answers)
    },
    async settle({ accountant, ...to }) {
      const answers = await each({ ...(accountant === undefined ? {} : { accountant }) }, async ({ settler }, from) => {
        await deps.sources().get(from)?.flush()
        return settler.settleNow({ ...options.to, ...to })
      })
      tell()
      const settled = done(answers)
      const refused = answers.flatMap(({ accountant, fault }) => {
        return fault === undefined || fault.code === 'nothing-to-settle' ? [] : [{ accountant, fault }]
      })
      return { settled, refused }
    },
    async look(maxAgeMs) {
      if (clock.elapsedMs() - lookedMs < maxAgeMs) return
      lookedMs = clock.elapsedMs()
      await each({}, ({ settler }) => settler.look())
    },
    async close() {
      clearInterval(timer)
      const working = Promise.all([...attended.values()].map(({ busy }) => busy))
      await atMost(closeMs, working)
      closed = true
    },
  }
}

function refusalOf(check: () => void): Fault | undefined {
  try {
    check()
    return undefined
  } catch (fault) {
    if (fault instanceof Fault) return fault
    throw fault
  }
}

/** @throws the first fault that is more than having nothing, where nothing was done. */
function done<T>(answers: readonly { readonly done?: T; readonly fault?: Fault }[]): readonly T[] {
  const all = answers.flatMap(({ done }) => (done === undefined ? [] : [done]))
  if (all.length > 0) return all
  const faults = answers.flatMap(({ fault }) => (fault === undefined ? [] : [fault]))
  throw faults.find(({ code }) => code !== 'nothing-to-settle') ?? faults[0] ?? new Fault('nothing-to-settle')
}
