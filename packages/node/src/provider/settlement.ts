/**
 * Settlement: brings the accountant's newest promise on chain, through a transactor who is paid from it.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Clock, ExchangeDesk, NodeKeys } from '@myst/billing'
import {
  bytesToUint,
  type Crypto,
  Fault,
  hashTypedData,
  type SettleOrder,
  settleInto,
  settleOrderStruct,
  type TransactorState,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import type { TransactorClient } from '../transactor-client.ts'

/** An order that was not carried by then is void. */
const orderLifetimeS = 3600

/** A settlement can wait; one that gives a transactor more than half of it is no payout, and gas is rarely that dear for long. */
const maxFeePart = 2n

/** @throws Fault `nothing-to-settle`, `fee-above-earnings`, `fee-too-high`, or the transactor's. */
export async function settleNewest(
  deps: { readonly crypto: Crypto; readonly clock: Clock; readonly transactor: TransactorClient },
  keys: NodeKeys,
  desk: ExchangeDesk,
  settled: bigint,
): Promise<{ readonly fee: bigint; readonly paid: bigint; readonly state: TransactorState }> {
  const newest = desk.newest()
  const due = (newest?.promise.amount ?? 0n) - settled
  if (newest === undefined || due <= 0n) throw new Fault('nothing-to-settle', { settled })
  const { transactor, fee } = await deps.transactor.quote('settle')
  if (fee >= due) throw new Fault('fee-above-earnings', { fee, due })
  if (fee > due / maxFeePart) throw new Fault('fee-too-high', { fee, due })
  const order: SettleOrder = {
    provider: keys.identity,
    into: settleInto.wallet,
    amount: newest.promise.amount,
    beneficiary: zeroAddress,
    transactor,
    fee,
    allowPartial: false,
    nonce: bytesToUint(new Uint8Array(randomBytes(32))),
    deadline: BigInt(Math.trunc(deps.clock.nowMs() / 1000) + orderLifetimeS),
  }
  const state = await deps.transactor.carry({
    kind: 'settle',
    accountant: desk.accountant.address,
    order,
    preimage: toHex(newest.preimage),
    promiseSignature: newest.promise.signature,
    orderSignature: deps.crypto.sign(
      hashTypedData(deps.crypto, desk.domain, settleOrderStruct, order),
      keys.privateKey,
    ),
  })
  if (state.status !== 'mined') throw new Fault('settlement-refused', { code: state.code })
  return { fee, paid: due, state }
}
