/**
 * A settlement as it is handed out: the accountant's promise, the preimage it needs, and our order.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Clock, NodeKeys } from '@myst/billing'
import {
  type Address,
  bytesToUint,
  type Crypto,
  Fault,
  fromHex,
  hashTypedData,
  type SettleOrder,
  settleInto,
  settleOrderStruct,
  type TransactorRequest,
  toHex,
  zeroAddress,
} from '@myst/protocol'

/** What a settlement shows: all that the accountant has promised us, its signature, and what its lock opens with. */
export interface Promised {
  readonly amount: bigint
  readonly signature: Uint8Array
  readonly preimage: Uint8Array
}

/** Where it goes; by default to the registered beneficiary. */
export interface SettleTo {
  readonly into?: keyof typeof settleInto
  readonly beneficiary?: Address
  /** Takes what there is where the accountant can't pay all of it. */
  readonly allowPartial?: boolean
}

export type SettleRequest = Extract<TransactorRequest, { kind: 'settle' }>

/** An order that was not carried by then is void. */
const orderLifetimeS = 3600

/** A settlement can wait; one that gives a transactor more than half of it is no payout, and gas is rarely that dear for long. */
const maxFeePart = 2n

/** @throws Fault `fee-above-earnings`, `fee-too-high`. */
export function requireFairFee(fee: bigint, due: bigint): void {
  if (fee >= due) throw new Fault('fee-above-earnings', { fee, due })
  if (fee > due / maxFeePart) throw new Fault('fee-too-high', { fee, due })
}

export function signSettlement(
  deps: { readonly crypto: Crypto; readonly clock: Clock },
  keys: NodeKeys,
  at: { readonly chainId: bigint; readonly accountant: Address },
  { amount, signature, preimage }: Promised,
  terms: SettleTo & { readonly transactor: Address; readonly fee: bigint },
): SettleRequest {
  const order: SettleOrder = {
    provider: keys.identity,
    into: settleInto[terms.into ?? 'wallet'],
    amount,
    beneficiary: terms.beneficiary ?? zeroAddress,
    transactor: terms.transactor,
    fee: terms.fee,
    allowPartial: terms.allowPartial ?? false,
    nonce: bytesToUint(new Uint8Array(randomBytes(32))),
    deadline: BigInt(Math.trunc(deps.clock.nowMs() / 1000) + orderLifetimeS),
  }
  const domain = { chainId: at.chainId, verifyingContract: at.accountant }
  return {
    kind: 'settle',
    accountant: at.accountant,
    order: { ...order, into: Number(order.into) },
    preimage: toHex(preimage),
    promiseSignature: signature,
    orderSignature: deps.crypto.sign(hashTypedData(deps.crypto, domain, settleOrderStruct, order), keys.privateKey),
  }
}

/** The same promise, for an order that names another transactor. */
export const promisedIn = ({ order, preimage, promiseSignature }: SettleRequest): Promised => ({
  amount: order.amount,
  signature: promiseSignature,
  preimage: fromHex(preimage),
})

/** As that order has it. */
export const placeIn = ({ order }: SettleRequest): SettleTo => ({
  into: order.into === settleInto.stake ? 'stake' : 'wallet',
  beneficiary: order.beneficiary,
  allowPartial: order.allowPartial,
})
