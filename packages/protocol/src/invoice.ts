/**
 * Invoice: what a session has cost so far, and the lock under which the provider wants it promised.
 *
 * It is not signed: it travels on the provider's own authenticated link, and the consumer checks it against what it
 * measured itself. The promise that answers it carries its total and lock.
 *
 * @module
 */

import { bytes32, field, flag, message, optional, uint, type ValueOfSchema } from './message.ts'

export const invoiceSchema = message({
  agreementId: field(0, bytes32),
  /** All that the session has cost so far, MYST base units. */
  total: field(1, uint(256)),
  /** The open epoch's hashlock. */
  hashlock: field(2, bytes32),
  /** What the provider measured, for the person to compare. */
  durationMs: field(3, uint(53)),
  bytes: field(4, uint(64)),
  /** The last one of a session that ends gracefully: it may come early. */
  final: optional(5, flag),
})

export type Invoice = ValueOfSchema<typeof invoiceSchema>
