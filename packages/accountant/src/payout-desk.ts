/**
 * Payout desk: where providers say that they want to be paid on schedule, and see what we have of it.
 *
 * @module
 */

import {
  type Address,
  accept,
  type Crypto,
  type Domain,
  hashTypedData,
  type PayoutOrder,
  type PayoutRefusal,
  type PayoutStanding,
  refuse,
  settleWishStruct,
  type Verdict,
} from '@myst/protocol'
import type { ChainBook } from './chain-book.ts'
import type { Ledger } from './ledger/index.ts'

export interface PayoutDesk {
  standing(provider: Address): PayoutStanding
  order(provider: Address, order: PayoutOrder): Promise<Verdict<PayoutRefusal, PayoutStanding>>
}

export function createPayoutDesk(
  deps: {
    readonly crypto: Crypto
    readonly ledger: Pick<Ledger, 'get' | 'apply'>
    readonly chain: Pick<ChainBook, 'provider'>
    readonly now: () => number
  },
  options: { readonly domain: Domain; readonly payoutLeast: bigint },
): PayoutDesk {
  const { crypto, ledger, chain } = deps
  const isWished = (provider: Address) => chain.provider(provider)?.scheduledPayouts ?? false

  function check(provider: Address, { every, least, wish }: PayoutOrder): Verdict<PayoutRefusal> {
    if (ledger.get('providers', provider) === undefined) return refuse({ code: 'payout-provider-unknown' })
    if (every === 'never') return accept(undefined)
    if (least < options.payoutLeast) return refuse({ code: 'payout-least-too-low', atLeast: options.payoutLeast })
    if (wish === undefined) return isWished(provider) ? accept(undefined) : refuse({ code: 'payout-wish-missing' })
    if (wish.deadline * 1000n <= BigInt(deps.now())) {
      return refuse({ code: 'payout-wish-expired', deadline: wish.deadline })
    }
    const { signature, ...asks } = wish
    const hash = hashTypedData(crypto, options.domain, settleWishStruct, { ...asks, provider, payouts: true })
    return crypto.recover(hash, signature) === provider
      ? accept(undefined)
      : refuse({ code: 'payout-wish-wrong-signer' })
  }

  const standing = (provider: Address): PayoutStanding => {
    const order = ledger.get('payouts', provider)
    return { ...(order === undefined ? {} : { order }), isWished: isWished(provider) }
  }

  return {
    standing,
    async order(provider, order) {
      const checked = check(provider, order)
      if (!checked.ok) return checked
      const known = await ledger.apply({ kind: 'order-payout', provider, order })
      return known ? accept(standing(provider)) : refuse({ code: 'payout-provider-unknown' })
    },
  }
}
