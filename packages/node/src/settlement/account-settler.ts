/**
 * Settles with one accountant, one settlement at a time.
 *
 * What the chain shows decides: a settlement is over when it is there at the confirmation depth, and void when a block so
 * deep is past its deadline. Until then nothing else is signed but for another transactor, and that for the same promise,
 * of which the contract takes one.
 *
 * @module
 */

import type { Clock, NodeKeys } from '@myst/billing'
import { type ChainClient, type ProviderAccount, reach } from '@myst/chain'
import { allowanceAt, reasonToSettle, type SettleReason, type SettlerPolicy } from '@myst/payments'
import { type Address, type Crypto, Fault, maxOf, type TransactorState } from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import type { TransactorClient } from '../transactor-client.ts'
import { withAny } from '../transactors.ts'
import { loadSettlement, type OpenSettlement, settleRequestOf } from './open-settlement.ts'
import { openPaymentHistory, type Payment, type PaymentHistory } from './payment-history.ts'
import { type Promised, placeIn, promisedIn, requireFairFee, type SettleTo, signSettlement } from './settle-request.ts'

export interface AccountSettlerDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly client: ChainClient
  readonly transactors: readonly TransactorClient[]
  /** The accountant's newest promise and what it needs. */
  readonly newest: () => Promised | undefined
  readonly log: (line: string) => void
}

export interface AccountSettlerOptions {
  readonly accountant: Address
  readonly keys: NodeKeys
  readonly network: { readonly chainId: bigint; readonly confirmationDepth: number; readonly deployedAtBlock: bigint }
  readonly policy: SettlerPolicy
  /** Where settlements go that nobody asked for. */
  readonly to: SettleTo
}

export interface Settled {
  readonly accountant: Address
  /** By the accountant contract, the fee included. */
  readonly paid: bigint
  readonly fee: bigint
  /** Absent: a transactor has it, and the chain does not show it yet. */
  readonly hash?: Payment['hash']
}

export interface AccountSettler {
  readonly history: PaymentHistory
  readonly open: OpenSettlement | undefined
  readonly unsettled: bigint
  /** What stands between us and the next settlement that is due. */
  readonly problem: Fault | undefined
  /**
   * Looks at the chain, follows what is under way, and settles where there is a reason. What fails is the `problem`.
   *
   * @param elsewhere unsettled and not guaranteed, at all other accountants.
   * @param automatic false: nothing begins by itself.
   */
  attend(elsewhere: bigint, automatic: boolean): Promise<void>
  /** Asks the chain. @throws Fault `chain-unreachable`. */
  look(): Promise<void>
  /** @throws Fault `nothing-to-settle`, those of the transactors and of the chain. */
  settleNow(to: SettleTo): Promise<Settled>
}

/** Whoever says so has not handed it on, and never will. */
const notSent: ReadonlySet<string> = new Set(['settlement-refused', 'transactor-refused', 'gas-missing', 'wallet-busy'])

/** What its contract says where it lacks the money. */
const shortCodes: ReadonlySet<unknown> = new Set(['Underpaid', 'NothingToPay'])

export function createAccountSettler(deps: AccountSettlerDeps, options: AccountSettlerOptions): AccountSettler {
  const { clock, client, transactors, log } = deps
  const { accountant, keys, network, policy } = options
  const history = openPaymentHistory(deps, network, { accountant, identity: keys.identity })
  const record = loadSettlement(deps.store, accountant)
  let problem: Fault | undefined
  /** The accountant could not pay all: from then on we take what there is. */
  let shortage: Fault | undefined
  let turn: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  const unsettledOf = (account: ProviderAccount | undefined) =>
    maxOf(0n, (deps.newest()?.amount ?? 0n) - (account?.settled ?? 0n))

  async function look(): Promise<ProviderAccount> {
    const account = await history.look()
    if (unsettledOf(account) === 0n) record.note(undefined)
    else if (record.sinceMs === undefined) record.note(clock.nowMs())
    return account
  }

  function paymentOf(open: OpenSettlement): Payment | undefined {
    const { amount } = settleRequestOf(open).order
    return history.payments.find(({ upTo, block }) => block >= open.fromBlock && upTo >= amount)
  }

  /** Brings what is under way nearer to its end. @returns how it stands. */
  async function follow(open: OpenSettlement): Promise<Settled | undefined> {
    const payment = paymentOf(open)
    if (payment !== undefined) {
      if (payment.isConfirmed) close(open, payment)
      return viewOf(payment)
    }
    if (await isVoid(open)) {
      log(`settlement at ${accountant}: nobody carried it before its deadline`)
      record.keep(undefined)
      return undefined
    }
    const transactor = transactors.find(({ name }) => name === open.transactor)
    try {
      if (transactor === undefined) throw new Fault('transactor-unreachable', { url: open.transactor })
      return await afterCarrying(open, await transactor.carry(open.request))
    } catch (fault) {
      if (!(fault instanceof Fault) || fault.code === 'chain-unreachable') throw fault
      const others = transactors.filter(({ name }) => name !== open.transactor)
      if (fault.code !== 'transactor-unreachable' || others.length === 0) throw forgotten(fault)
      const request = settleRequestOf(open)
      return begin(open.reason, promisedIn(request), placeIn(request), requireFairFee, others)
    }
  }

  function close({ due, reason, startedMs }: OpenSettlement, { paid, fee, hash }: Payment): void {
    record.keep(undefined)
    shortage = paid < due ? new Fault('accountant-short', { accountant, paid, missing: due - paid }) : undefined
    const tookS = Math.round((clock.nowMs() - Number(startedMs)) / 1000)
    log(`settled accountant=${accountant} paid=${paid} fee=${fee} reason=${reason} hash=${hash} tookS=${tookS}`)
  }

  /** What was not handed on is forgotten; the rest is followed. */
  function forgotten(fault: Fault): Fault {
    if (notSent.has(fault.code)) record.keep(undefined)
    if (shortCodes.has(fault.facts.code)) shortage = fault
    return fault
  }

  async function isVoid(open: OpenSettlement): Promise<boolean> {
    const { rpc, rpcUrl } = client
    return reach(rpcUrl, async () => {
      const head = await rpc.getBlockNumber({ cacheTime: 0 })
      const behind = BigInt(network.confirmationDepth - 1)
      const { timestamp } = await rpc.getBlock({ blockNumber: head > behind ? head - behind : 0n })
      return timestamp > settleRequestOf(open).order.deadline
    })
  }

  async function afterCarrying(open: OpenSettlement, state: TransactorState): Promise<Settled> {
    await look()
    const payment = paymentOf(open)
    if (payment?.isConfirmed) close(open, payment)
    if (payment !== undefined) return viewOf(payment)
    if (state.status === 'refused') throw new Fault('settlement-refused', { accountant, code: state.code })
    return { accountant, paid: open.due, fee: settleRequestOf(open).order.fee }
  }

  async function begin(
    reason: string,
    promised: Promised,
    to: SettleTo,
    requireWorth: (fee: bigint, due: bigint) => void,
    among = transactors,
  ): Promise<Settled> {
    const due = promised.amount - (history.account?.settled ?? 0n)
    return withAny(among, log, async (transactor) => {
      const { transactor: payee, fee } = await transactor.quote('settle')
      requireWorth(fee, due)
      const terms = {
        ...to,
        allowPartial: to.into !== 'stake' && (to.allowPartial ?? shortage !== undefined),
        transactor: payee,
        fee,
      }
      const request = signSettlement(deps, keys, { chainId: network.chainId, accountant }, promised, terms)
      const open: OpenSettlement = {
        request,
        transactor: transactor.name,
        due,
        reason,
        fromBlock: history.nextBlock,
        startedMs: BigInt(clock.nowMs()),
      }
      record.keep(open)
      try {
        return await afterCarrying(open, await transactor.carry(request))
      } catch (fault) {
        throw fault instanceof Fault ? forgotten(fault) : fault
      }
    })
  }

  async function attendInTurn(elsewhere: bigint, automatic: boolean): Promise<void> {
    const account = await look()
    if (record.open !== undefined) await follow(record.open)
    const promised = deps.newest()
    if (record.open !== undefined || promised === undefined || !automatic) return
    const reasonAt = (fee: bigint): SettleReason | undefined =>
      reasonToSettle(
        {
          unsettled: unsettledOf(history.account),
          guarantee: account.guarantee,
          allowance: allowanceAt(policy, account.operatorStake, elsewhere),
          fee,
          ageMs: record.sinceMs === undefined ? 0 : clock.nowMs() - record.sinceMs,
          atRisk: account.atRisk,
        },
        policy,
      )
    const reason = reasonAt(0n)
    if (reason === undefined) return
    await begin(reason, promised, options.to, (fee, due) => {
      requireFairFee(fee, due)
      if (reasonAt(fee) === undefined) throw new Fault('settlement-dear', { fee, due })
    })
  }

  return {
    history,
    get open() {
      return record.open
    },
    get unsettled() {
      return unsettledOf(history.account)
    },
    get problem() {
      return problem
    },
    attend: (elsewhere, automatic) =>
      inTurn(async () => {
        try {
          await attendInTurn(elsewhere, automatic)
          problem = shortage
        } catch (fault) {
          if (!(fault instanceof Fault)) throw fault
          if (fault.message !== problem?.message) log(`settlement-failed accountant=${accountant}: ${fault.message}`)
          problem = fault
        }
      }),
    async look() {
      await look()
    },
    settleNow: (to) =>
      inTurn(async () => {
        await look()
        const underway = record.open && (await follow(record.open))
        // What is under way is not begun a second time.
        if (underway !== undefined && record.open !== undefined) return underway
        const promised = deps.newest()
        if (promised === undefined || unsettledOf(history.account) === 0n) {
          throw new Fault('nothing-to-settle', { settled: history.account?.settled })
        }
        return begin('asked', promised, to, requireFairFee)
      }),
  }

  function viewOf({ paid, fee, hash }: Payment): Settled {
    return { accountant, paid, fee, hash }
  }
}
