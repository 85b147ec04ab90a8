/**
 * What an accountant is told at its start, and what it does where it is not told.
 *
 * @module
 */

import type { Config } from '@myst/program'
import { type Address, Fault, myst, type NetworkProfile } from '@myst/protocol'
import type { OperatorKey } from './operator-key.ts'

export interface AccountantOptions extends MoneyOptions {
  readonly profile: NetworkProfile
  /** Which of the profile's accountants this is. */
  readonly accountant: Address
  /** Signs promises and pays gas. */
  readonly operatorKey: Uint8Array | OperatorKey
  /** The key that replaces it. From the announcement on both are here; whichever the contract knows signs. */
  readonly nextOperatorKey?: Uint8Array | OperatorKey | undefined
  readonly dataDir: string
  /** `postgres://…` where several processes share a ledger; absent: a file in `dataDir`. */
  readonly ledger?: string | undefined
  readonly host: string
  readonly port: number
  /** Of batches of one identity; of one address twice as many. */
  readonly partyBytesPerSecond: number
  /** After a restore: how long no channel is drawn on; a day by default. */
  readonly recoveryMs?: number | undefined
  /** The operator says that the ledger lacks what was answered: a dump, or a plain copy, was put back. */
  readonly recovered?: boolean
  /** A reverse proxy stands before it, and nobody else reaches the port. */
  readonly trustProxy: boolean
  readonly log: (line: string) => void
  /** The shared ledger has, or may have, another writer, or the operator was replaced: this process must end. */
  onLost?(fault: Fault): void
}

/** Amounts in MYST base units, unless they say `native`. */
export interface MoneyOptions {
  readonly collectEveryMs: number
  /** Collected when so much was revealed, or when it waits for so long. */
  readonly collectFrom: bigint
  readonly collectWithinMs: number
  /** What opening a channel and collecting from it cost. */
  readonly openCost: bigint
  /** For one unit (10¹⁸) of the chain's coin: collecting never costs more than it brings. */
  readonly mystPerNative: bigint
  /** Nothing is sent at a higher price, in the chain's smallest unit. */
  readonly maxGasPrice: bigint
  /** The chain, the ledger's sums and the alarms are looked at so often. */
  readonly watchEveryMs: number
  /** Less of it spare is an alarm. */
  readonly fundsReserve: bigint
  /** Gas for fewer transactions is an alarm. */
  readonly gasTransactions: bigint
  /** Less is never paid out on schedule. */
  readonly payoutLeast: bigint
}

const gwei = 10n ** 9n

export const defaultMoneyOptions: MoneyOptions = {
  /** Looks for what to collect and what to hold; a quarter of an exit's delay is a day. */
  collectEveryMs: 60_000,
  collectFrom: myst,
  collectWithinMs: 86_400_000,
  openCost: myst / 20n,
  mystPerNative: myst,
  maxGasPrice: 2_000n * gwei,
  watchEveryMs: 30_000,
  fundsReserve: 100n * myst,
  gasTransactions: 50n,
  payoutLeast: myst,
}

export const defaultOptions = {
  host: '127.0.0.1',
  port: 4060,
  /** Some two thousand promises a second. */
  partyBytesPerSecond: 512 << 10,
  trustProxy: false,
  ...defaultMoneyOptions,
} as const

/** Whole numbers as numbers, amounts as decimal strings. @throws Fault `config-invalid`. */
export function moneyOptionsOf(config: Config): MoneyOptions {
  const given = Object.entries(defaultMoneyOptions).map(([name, standard]) => {
    const isAmount = typeof standard === 'bigint'
    const value = isAmount ? optionalAmount(config, name) : config.optionalNumber(name)
    return [name, value ?? standard]
  })
  const options = Object.fromEntries(given) as unknown as MoneyOptions
  if (options.mystPerNative < 1n) throw new Fault('config-invalid', { name: 'mystPerNative', wanted: 'at least 1' })
  return options
}

const optionalAmount = (config: Config, name: string): bigint | undefined =>
  config.optionalText(name) === undefined ? undefined : config.amount(name)
