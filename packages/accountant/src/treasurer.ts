/**
 * Treasurer: watches the money of the accountant's contract and the operator's gas, keeps guarantees funded, pays out on
 * schedule, and warns before a punishment can start. What it decides is in `treasurer-rules.ts`.
 *
 * @module
 */

import { typedCall } from '@myst/chain'
import { accountantAbi } from '@myst/contracts'
import { type Address, type Fault, field, message, toHex, uint } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import { wordsOf } from './alarm-words.ts'
import type { ChainBook, ChainFigures } from './chain-book.ts'
import type { Collector } from './collector.ts'
import type { ExitHolder } from './exit-holder.ts'
import type { Ledger } from './ledger/index.ts'
import { type LedgerFigures, payables, sumLedger } from './ledger-figures.ts'
import { createRounds, tell, unhurried } from './rounds.ts'
import type { Transactions } from './transactions.ts'
import {
  type Alarm,
  type AlarmInForce,
  idleTreasury,
  type Payout,
  type PayoutAsked,
  stepTreasury,
  type TreasuryAction,
  type TreasuryTerms,
  unseenMs,
} from './treasurer-rules.ts'

/** Both halves are of the same look. */
export interface TreasuryFigures {
  readonly chain: ChainFigures
  readonly ledger: LedgerFigures
  /** When they were read. */
  readonly atMs: number
}

export interface Treasurer {
  /** Of the last look; absent: the chain was never seen. */
  figures(): TreasuryFigures | undefined
  alarms(): readonly AlarmInForce[]
  close(): Promise<void>
}

export interface TreasurerDeps {
  readonly chain: ChainBook
  readonly ledger: Pick<Ledger, 'entries' | 'get'>
  readonly transactions: Pick<Transactions, 'send' | 'address'>
  readonly collector: Pick<Collector, 'collect' | 'waiting'>
  readonly holder: Pick<ExitHolder, 'missing'>
  /** Remembers when each provider was paid. */
  readonly store: RecordStore
  readonly now: () => number
  readonly log: (line: string) => void
}

export interface TreasurerOptions extends TreasuryTerms {
  readonly accountant: Address
  readonly everyMs: number
}

const paidTable = table('paid-out', message({ paidMs: field(0, uint(53)) }))
/** What is revealed to a provider stands in an answer that may have to be decoded: some 0.1 ms. */
const decodedAtOnce = 20
const nativeUnit = 10n ** 18n
/** Gas of a payout is at most a hundredth of what it pays; of a wish, which is laid once, a twentieth. */
const payoutShare = 100n
const wishShare = 20n

export function createTreasurer(deps: TreasurerDeps, options: TreasurerOptions): Treasurer {
  const { chain, ledger, transactions, store, now, log } = deps
  const { accountant } = options
  const paid = new Map([...paidTable.load(store)].map(([provider, { paidMs }]) => [provider, Number(paidMs)]))
  const startedAtMs = now()
  let figures: TreasuryFigures | undefined
  let state = idleTreasury
  const underway = new Map<string, Promise<void>>()

  const onFault = (fault: Fault) => log(fault.message)

  async function look(): Promise<void> {
    const providers: Address[] = []
    for await (const some of unhurried(ledger.entries('providers')))
      providers.push(...some.map(([of]) => of as Address))
    const seen = await chain.look(providers)
    figures = { chain: seen, ledger: await sumLedger(ledger, chain), atMs: now() }
  }

  async function asked(): Promise<PayoutAsked[]> {
    const found: PayoutAsked[] = []
    for await (const some of unhurried(payables(ledger), decodedAtOnce)) {
      for (const { provider, order, revealed } of some) {
        const { settled = 0n, scheduledPayouts: isWished = false } = chain.provider(provider) ?? {}
        const { every, least, wish } = order
        const isGood = wish !== undefined && Number(wish.deadline) * 1000 > now()
        // A clock that was ahead puts nothing off for ever.
        const paidMs = Math.min(paid.get(provider) ?? 0, now())
        const wishNonce = isGood ? wish.nonce : undefined
        found.push({ provider, every, least, paidMs, revealed, settled, isWished, wishNonce })
      }
    }
    return found
  }

  async function round(): Promise<void> {
    await tell(look(), onFault)
    if (figures === undefined) return tellUnseen()
    const view = {
      nowMs: now(),
      lookedAtMs: figures.atMs,
      chain: figures.chain,
      ledger: figures.ledger,
      lacking: chain.lacking().map(([provider, { stake, guarantee }]) => ({ provider, lack: stake - guarantee })),
      holdsMissingSinceMs: deps.holder.missing().sinceMs,
      collectableSinceMs: deps.collector.waiting().sinceMs,
      payouts: await asked(),
    }
    const [next, actions] = stepTreasury(state, view, options)
    state = next
    for (const action of actions) begin(action)
  }

  /** Not waited for: a transaction that is stuck must not keep the next look from being had. */
  function begin(action: TreasuryAction): void {
    if (action.kind === 'alarm') return log(inWords(action.alarm))
    if (action.kind === 'alarm-over') return log(`alarm-over ${action.code}`)
    const what = 'provider' in action ? `${action.kind} ${action.provider}` : action.kind
    if (underway.has(what)) return
    const acting = tell(act(action), onFault).finally(() => underway.delete(what))
    underway.set(what, acting)
  }

  /** A chain that was away from the start on. */
  function tellUnseen(): void {
    if (now() - startedAtMs < unseenMs || state.alarms.length > 0) return
    state = { ...state, alarms: [{ code: 'chain-unseen', sinceMs: now() }] }
    log(inWords({ code: 'chain-unseen' }))
  }

  const call = <N extends 'rebalance' | 'updatePunishment'>(name: N, args: N extends 'rebalance' ? [Address] : []) =>
    typedCall({ to: accountant, abi: accountantAbi, name, args } as never)

  const inWords = (alarm: Alarm) =>
    `alarm ${alarm.code}: ${wordsOf(alarm, { accountant, operator: transactions.address })}`

  async function act(action: Exclude<TreasuryAction, { readonly kind: 'alarm' | 'alarm-over' }>): Promise<void> {
    switch (action.kind) {
      case 'collect':
        await deps.collector.collect({ all: true })
        return
      case 'rebalance':
        return transactions.send(`rebalance-${action.provider}`, call('rebalance', [action.provider]))
      case 'end-punishment':
        return transactions.send('end-punishment', call('updatePunishment', []))
      case 'lay-wish':
        return layWish(action.provider, action.due)
      case 'pay-out':
        return payOut(action.payouts)
    }
  }

  const worth = (amount: bigint, share: bigint) => (amount * nativeUnit) / options.mystPerNative / share

  async function layWish(provider: Address, due: bigint): Promise<void> {
    const wish = ledger.get('payouts', provider)?.wish
    if (wish === undefined) return
    const { signature, ...asks } = wish
    const args = [{ ...asks, provider, payouts: true }, toHex(signature)] as const
    const laying = typedCall({ to: accountant, abi: accountantAbi, name: 'changeSettleWish', args })
    await transactions.send(`wish-${provider}`, laying, worth(due, wishShare))
  }

  /** One that the contract skips waits for its next time, like one that it paid. */
  async function payOut(payouts: readonly Payout[]): Promise<void> {
    const sum = payouts.reduce(
      (total, { provider, upTo }) => total + upTo - (chain.provider(provider)?.settled ?? 0n),
      0n,
    )
    const args = [payouts.map(({ provider }) => provider), payouts.map(({ upTo }) => upTo)] as const
    const paying = typedCall({ to: accountant, abi: accountantAbi, name: 'payout', args })
    await transactions.send('payout', paying, worth(sum, payoutShare))
    const paidMs = now()
    for (const { provider } of payouts) paid.set(provider, paidMs)
    store.commit(payouts.map(({ provider }) => paidTable.put(provider, { paidMs: BigInt(paidMs) })))
    log(`paid-out providers=${payouts.length} amount=${sum}`)
  }

  const rounds = createRounds(round, options.everyMs, onFault)
  void rounds.inTurn(round)
  return {
    figures: () => figures,
    alarms: () => state.alarms,
    async close() {
      await rounds.close()
      await Promise.all(underway.values())
    },
  }
}
