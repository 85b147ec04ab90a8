/**
 * Quotes: what carrying a call costs, in MYST.
 *
 * @module
 */

import { type ChainClient, reach } from '@myst/chain'
import { type Address, ceilDivide, type Quote, type TransactorCall } from '@myst/protocol'

export interface QuoterOptions {
  readonly transactor: Address
  /** MYST base units for one unit (10¹⁸) of the chain's coin: the operator's own rate, there is no oracle. */
  readonly mystPerNative: bigint
}

export interface Quoter {
  quote(call: TransactorCall): Promise<Quote>
  /** The least fee that is carried now: a quote stays good for its time although gas got dearer. */
  leastFee(call: TransactorCall): Promise<bigint>
}

/** Whole transactions as measured on an EVM (`forge snapshot`), with room for a first use of every slot. */
const gasOf: Record<TransactorCall, bigint> = { register: 260_000n, settle: 160_000n }
/** Gas may rise by this between quote and block. */
const marginPercent = 125n
const validMs = 120_000

export function createQuoter(
  deps: { readonly client: ChainClient; readonly now: () => number },
  { transactor, mystPerNative }: QuoterOptions,
): Quoter {
  const issued = new Map<TransactorCall, Quote[]>()

  async function costNow(call: TransactorCall): Promise<bigint> {
    const gasPrice = await reach(deps.client.rpcUrl, () => deps.client.rpc.getGasPrice())
    return ceilDivide(gasOf[call] * gasPrice * mystPerNative * marginPercent, 100n * 10n ** 18n)
  }

  function valid(call: TransactorCall): Quote[] {
    return (issued.get(call) ?? []).filter(({ validUntilMs }) => validUntilMs > BigInt(deps.now()))
  }

  return {
    async quote(call) {
      // One quote serves everybody for half its life: asking often neither costs us a call nor fills memory.
      const recent = valid(call).find(({ validUntilMs }) => Number(validUntilMs) - deps.now() > validMs / 2)
      if (recent !== undefined) return recent
      const fresh = { transactor, fee: await costNow(call), validUntilMs: BigInt(deps.now() + validMs) }
      issued.set(call, [...valid(call), fresh])
      return fresh
    },
    async leastFee(call) {
      const quoted = valid(call).map(({ fee }) => fee)
      if (quoted.length === 0) return costNow(call)
      return quoted.reduce((least, fee) => (fee < least ? fee : least))
    },
  }
}
