/**
 * Quotes: what carrying a call costs, in MYST.
 *
 * A quote that was given is kept, durable, until it expires. The fee also bounds what is spent on gas: a request is never
 * carried at a price that its fee does not pay for.
 *
 * @module
 */

import { type Endpoints, reach } from '@myst/chain'
import {
  type Address,
  ceilDivide,
  Fault,
  type Quote,
  quoteSchema,
  type TransactorCall,
  transactorCalls,
} from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'

export interface QuoterOptions {
  readonly transactor: Address
  /** MYST base units for one unit (10¹⁸) of the chain's coin: the operator's own rate, there is no oracle. */
  readonly mystPerNative: bigint
}

export interface Quoter {
  quote(call: TransactorCall): Promise<Quote>
  /**
   * The least fee that is carried now: a quote stays good for its time although gas got dearer. While the chain is away it
   * is the last one quoted.
   *
   * @throws Fault `chain-unreachable` where none was ever quoted.
   */
  leastFee(call: TransactorCall): Promise<bigint>
  /** The last one quoted, expired or not; 0 where there was none. */
  lastFee(call: TransactorCall): bigint
  /** What a fee pays for, in the chain's smallest unit. */
  nativeOf(fee: bigint): bigint
}

/** Gas of the transaction that pays a fee days after its request, first use of every slot included. */
export const laterGasOf: Readonly<Partial<Record<TransactorCall, bigint>>> = {
  exit: 130_000n,
  'decrease-stake': 130_000n,
}

/** Whole transactions as measured on an EVM (`./dev bench gas`), with room for a first use of every slot. */
const gasOf: Readonly<Record<TransactorCall, bigint>> = {
  register: 260_000n,
  settle: 190_000n,
  exit: 140_000n + 130_000n,
  'fast-exit': 180_000n,
  'decrease-stake': 150_000n + 130_000n,
}
/** Gas may rise by this between quote and block. */
const marginPercent = 125n
/** Who asks gets half of it at least, a minute to sign and send; with gas above the margin the request waits till then. */
const validMs = 120_000

const quoteTable = table('quotes', quoteSchema)

export function createQuoter(
  deps: { readonly endpoints: Endpoints; readonly store: RecordStore; readonly now: () => number },
  { transactor, mystPerNative }: QuoterOptions,
): Quoter {
  const { endpoints, store, now } = deps
  const issued = new Map<TransactorCall, readonly Quote[]>()
  for (const [key, quote] of quoteTable.load(store)) {
    const call = transactorCalls.find((name) => key.startsWith(`${name}:`))
    if (call !== undefined && quote.transactor === transactor) issued.set(call, [...(issued.get(call) ?? []), quote])
  }

  async function costNow(call: TransactorCall): Promise<bigint> {
    const gasPrice = await dearest(endpoints)
    return ceilDivide(gasOf[call] * gasPrice * mystPerNative * marginPercent, 100n * 10n ** 18n)
  }

  const keyOf = (call: TransactorCall, { validUntilMs }: Quote) => `${call}:${validUntilMs}`

  const valid = (call: TransactorCall): readonly Quote[] =>
    (issued.get(call) ?? []).filter(({ validUntilMs }) => validUntilMs > BigInt(now()))

  /** The last one is kept when it has expired: it says what to ask for while the chain is away. */
  function remember(call: TransactorCall, fresh: Quote): void {
    const kept = [...valid(call), fresh]
    const over = (issued.get(call) ?? []).filter((quote) => !kept.includes(quote))
    store.commit([
      ...over.map((quote) => quoteTable.remove(keyOf(call, quote))),
      quoteTable.put(keyOf(call, fresh), fresh),
    ])
    issued.set(call, kept)
  }

  return {
    async quote(call) {
      // One quote serves everybody for half its life: asking often neither costs us a call nor fills memory.
      const recent = valid(call).find(({ validUntilMs }) => Number(validUntilMs) - now() > validMs / 2)
      if (recent !== undefined) return recent
      const fresh = { transactor, fee: await costNow(call), validUntilMs: BigInt(now() + validMs) }
      remember(call, fresh)
      return fresh
    },
    async leastFee(call) {
      const quoted = valid(call).map(({ fee }) => fee)
      if (quoted.length > 0) return quoted.reduce((least, fee) => (fee < least ? fee : least))
      try {
        return await costNow(call)
      } catch (fault) {
        const last = issued.get(call)?.at(-1)
        if (!(fault instanceof Fault) || last === undefined) throw fault
        return last.fee
      }
    },
    lastFee: (call) => issued.get(call)?.at(-1)?.fee ?? 0n,
    nativeOf: (fee) => (fee * 10n ** 18n) / mystPerNative,
  }
}

/** Of all endpoints: a fee that is too low would bind us to carry at a loss, or never. */
export async function dearest(endpoints: Endpoints): Promise<bigint> {
  const answers = await endpoints.ask(({ rpc, rpcUrl }) => reach(rpcUrl, () => rpc.getGasPrice()))
  return answers.reduce((most, { value }) => (value > most ? value : most), 0n)
}
