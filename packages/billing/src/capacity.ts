/**
 * Capacity statements: what a consumer's channel can still promise, in its accountant's words.
 *
 * @module
 */

import {
  type Address,
  type CapacityStatement,
  capacityStatementContent,
  decodeMessage,
  Fault,
  type SignedContent,
  statementLifetimeMs,
} from '@myst/protocol'

export type CapacityRefusal =
  | { readonly code: 'session-capacity-unproven' }
  | { readonly code: 'session-channel-closing' }
  | { readonly code: 'session-capacity-too-low' }

/** @param statement whose signature the caller has checked. @param of what it must speak of, now. */
export function refusalOf(
  statement: CapacityStatement,
  of: {
    readonly channel: Address
    readonly consumer: Address
    readonly nowMs: number
    /** Least free capacity of a channel that is served. */
    readonly leastFree: bigint
  },
): CapacityRefusal | undefined {
  const ageMs = of.nowMs - Number(statement.issuedAtMs)
  const theirs = statement.channel === of.channel && statement.consumer === of.consumer
  if (!theirs || Math.abs(ageMs) > statementLifetimeMs) return { code: 'session-capacity-unproven' }
  if (statement.exitPending) return { code: 'session-channel-closing' }
  if (statement.capacity - statement.promised < of.leastFree) return { code: 'session-capacity-too-low' }
  return undefined
}

/**
 * For the consumer that it is about: a provider that checks its signature would refuse a wrong one.
 *
 * @throws Fault `accountant-answer-invalid`
 */
export function statementIn({ content }: SignedContent): CapacityStatement {
  const statement = decodeMessage(capacityStatementContent.schema, content, capacityStatementContent.maxBytes)
  if (!statement.ok) throw new Fault('accountant-answer-invalid', { code: statement.refusal.code })
  return statement.value
}

/**
 * Whoever shows a statement admits that it has promised so much: one that says more than its book would put it in the wrong.
 *
 * @param adopt looks for promises of ours that the book has lost.
 * @throws Fault `accountant-answer-invalid`
 */
export async function requireKnown(
  { promised }: CapacityStatement,
  book: { readonly amount: bigint },
  adopt: () => Promise<unknown>,
): Promise<void> {
  if (promised > book.amount) await adopt()
  if (promised > book.amount) throw new Fault('accountant-answer-invalid', { promised, known: book.amount })
}
