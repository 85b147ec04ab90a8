/**
 * A provider's session on disk: what was agreed, and what is invoiced, paid and credited, so that a promise repeated after
 * a crash on either side still counts.
 *
 * @module
 */

import type { InvoicerState } from '@myst/payments'
import { address, bytes32, field, list, message, optional, priceSchema, uint, type ValueOfSchema } from '@myst/protocol'
import { table } from '@myst/store'

const recordSchema = message({
  consumer: field(0, address),
  accountant: field(1, address),
  price: field(2, priceSchema),
  issued: field(3, list(message({ total: field(0, uint(256)), hashlock: field(1, bytes32) }), 8)),
  invoicedTotal: field(4, uint(256)),
  paidTotal: field(5, uint(256)),
  paidAmount: field(6, uint(256)),
  creditedTotal: field(7, uint(256)),
  /** The largest amount the channel could promise when the session began. */
  capacity: optional(8, uint(256)),
  savedAtMs: optional(9, uint(53)),
  /** What the channel had promised when the session began, by the statement that its consumer showed. */
  promised: optional(10, uint(256)),
})
export type AgreementRecord = ValueOfSchema<typeof recordSchema>

/** By agreement id. */
export const agreementTable = table('provider-agreements', recordSchema)

/** The last two are missing from records of older versions only. */
export type Agreed = Pick<AgreementRecord, 'consumer' | 'accountant' | 'price' | 'capacity' | 'promised'>

export function recordOf(
  agreed: Agreed,
  { issued, invoicedTotal, paidTotal, paidAmount, creditedTotal }: InvoicerState,
): AgreementRecord {
  return { ...agreed, issued, invoicedTotal, paidTotal, paidAmount, creditedTotal }
}

/** The session is over, its promises are not. */
export function endedState(record: AgreementRecord): InvoicerState {
  const { issued, invoicedTotal, paidTotal, paidAmount, creditedTotal } = record
  return {
    phase: 'ended',
    issued,
    invoicedTotal,
    paidTotal,
    paidAmount,
    creditedTotal,
    invoicedAtMs: 0,
    intervalMs: 0,
    credit: 0n,
  }
}
