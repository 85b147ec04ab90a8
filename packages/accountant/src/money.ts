/**
 * The chain-side money keeping of an accountant, put together: transactions, exit holder, collector, chain book, treasurer.
 *
 * @module
 */

import { type ChainClient, createEndpoints } from '@myst/chain'
import type { Crypto, Fault } from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { type ChainBook, createChainBook } from './chain-book.ts'
import type { ChannelView } from './channel-view.ts'
import { type Collector, createCollector } from './collector.ts'
import { createExitHolder, type ExitHolder } from './exit-holder.ts'
import type { Ledger } from './ledger/index.ts'
import type { OperatorKey } from './operator-key.ts'
import type { AccountantOptions } from './options.ts'
import type { Terms } from './terms.ts'
import { createTransactions, type Transactions } from './transactions.ts'
import { createTreasurer, type Treasurer } from './treasurer.ts'

export interface Money {
  readonly transactions: Transactions
  readonly chain: ChainBook
  readonly holder: ExitHolder
  readonly collector: Collector
  readonly treasurer: Treasurer
  close(): Promise<void>
}

export interface MoneyDeps {
  /** The first one keeps the book; all of them see to transactions. */
  readonly clients: readonly [ChainClient, ...ChainClient[]]
  readonly store: RecordStore
  readonly crypto: Crypto
  readonly key: OperatorKey
  readonly ledger: Ledger
  readonly channels: ChannelView
  readonly gasPrice: () => Promise<bigint>
  readonly now: () => number
  readonly log: (line: string) => void
}

export function openMoney(
  { clients, store, crypto, key, ledger, channels, gasPrice, now, log }: MoneyDeps,
  options: AccountantOptions,
  { operator, exitDelay }: Terms,
): Money {
  const { profile, accountant, mystPerNative, collectEveryMs: everyMs } = options
  const exitDelayMs = Number(exitDelay) * 1000
  const onFault = (fault: Fault) => log(fault.message)
  const transactions = createTransactions(
    { endpoints: createEndpoints(clients, { onFault }), store, now, onFault },
    { key: key.secret ?? key, depth: profile.confirmationDepth, maxGasPrice: options.maxGasPrice },
  )
  const chain = createChainBook(
    { client: clients[0], store, isOurs: (channel) => ledger.get('channels', channel) !== undefined },
    profile,
    { accountant, operator },
  )
  const { settledOf } = chain
  const holder = createExitHolder(
    { transactions, crypto, ledger, channels, settledOf, now, onFault },
    // A quarter of the delay is all there is for a hold; four looks fit into it.
    { everyMs, sweepEveryMs: exitDelayMs / 16 },
  )
  const collector = createCollector(
    { transactions, store, crypto, ledger, channels, settledOf, exiting: holder.exiting, gasPrice, now, onFault },
    {
      accountant,
      registry: profile.contracts.registry,
      minAmount: options.collectFrom,
      withinMs: options.collectWithinMs,
      everyMs,
      mystPerNative,
    },
  )
  const treasurer = createTreasurer(
    { chain, ledger, transactions, collector, holder, store, now, log },
    { ...options, everyMs: options.watchEveryMs, exitDelayMs },
  )
  return {
    transactions,
    chain,
    holder,
    collector,
    treasurer,
    async close() {
      // First: what waits for a transaction to be mined stops waiting, and goes on with it after the next start.
      await transactions.close()
      await Promise.all([treasurer.close(), collector.close(), holder.close()])
    },
  }
}
