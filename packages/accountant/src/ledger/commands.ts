/**
 * Commands: all that can change the ledger, as data. What a step needs of the chain, of time and of the terms in force is
 * in its command, so that the log of commands alone gives the state again, byte for byte.
 *
 * @module
 */

import {
  address,
  type Batch,
  batchSchema,
  bytes,
  bytes32,
  count,
  decodeMessage,
  field,
  list,
  maxBatchBytes,
  maxBatchItems,
  message,
  oneOf,
  optional,
  payoutOrderSchema,
  type Schema,
  uint,
  type ValueOfSchema,
  variants,
} from '@myst/protocol'
import { grantBountySchema } from './bounty-records.ts'
import { closeFastExitSchema, openFastExitSchema } from './fast-exit.ts'
import { ageSchema } from './floor.ts'
import { recoveryCommands } from './recovery-commands.ts'
import { resignSchema } from './resign-answer.ts'

/** What the caller found out about one item before the ledger sees it. */
const itemFactsSchema = message({
  /** The channel of (item's consumer, this accountant), computed. */
  channel: field(0, address),
  /** Who signed the promise in that channel's domain; absent: nobody. */
  signer: optional(1, address),
  /** The largest amount the channel can promise, from the chain. */
  capacity: field(2, uint(256)),
  /** An exit is open: for less than half its delay, or longer. */
  exit: field(3, oneOf(['none', 'early', 'late'])),
  /** Where the channel ever had a fast exit: the block from which on the chain shows that capacity. */
  block: optional(4, uint(64)),
})
export type ItemFacts = ValueOfSchema<typeof itemFactsSchema>

const exchangeFields = message({
  /** The batch's bytes as they came; they are what its provider signed. */
  content: field(0, bytes(maxBatchBytes)),
  /** keccak256 of the content. */
  digest: field(1, bytes32),
  /** One for each item. */
  facts: field(2, list(itemFactsSchema, maxBatchItems)),
  /** Basis points of the batch's sum that the accountant keeps. */
  feeRate: field(3, count(10_000)),
  /** A smaller step than this is not worth a signature check. */
  minDelta: field(4, uint(256)),
})

/** A batch whose provider's signature is good. `batch` is its content decoded, so that nobody decodes it twice. */
export type ExchangeCommand = ValueOfSchema<typeof exchangeFields> & { readonly batch: Batch }

const exchangeSchema: Schema<ExchangeCommand> = {
  write: (command) => exchangeFields.write(command),
  read(from) {
    const fields = exchangeFields.read(from)
    return { ...fields, batch: decodeBatch(fields.content) }
  },
}

const decodeBatch = (content: Uint8Array): Batch => {
  const batch = decodeMessage(batchSchema, content, maxBatchBytes)
  if (!batch.ok) throw new RangeError(`content: ${batch.refusal.code}`)
  return batch.value
}

/** A preimage that somebody showed for this provider's newest lock. */
const revealSchema = message({ provider: field(0, address), preimage: field(1, bytes(32, 32)) })

/** How this provider wants to be paid from now on. */
const orderPayoutSchema = message({ provider: field(0, address), order: field(1, payoutOrderSchema) })

export const ledgerCommandSchema = variants({
  exchange: exchangeSchema,
  reveal: revealSchema,
  'order-payout': orderPayoutSchema,
  'open-fast-exit': openFastExitSchema,
  'close-fast-exit': closeFastExitSchema,
  age: ageSchema,
  resign: resignSchema,
  'grant-bounty': grantBountySchema,
  ...recoveryCommands,
})
export type LedgerCommand = ValueOfSchema<typeof ledgerCommandSchema>
export type CommandOf<K extends LedgerCommand['kind']> = Extract<LedgerCommand, { readonly kind: K }>

/** Whose account a command is about: a provider's, a channel's, time's, or the whole ledger's. */
export function subjectOf(command: LedgerCommand): string {
  switch (command.kind) {
    case 'exchange':
    case 'adopt':
      return command.batch.provider
    case 'adopt-newest':
      return command.promise.provider
    case 'begin-recovery':
      // It looks at what that provider was promised.
      return command.shown?.provider ?? 'recovery'
    case 'end-recovery':
      return 'recovery'
    case 'age':
      return command.kind
    default:
      return 'provider' in command ? command.provider : command.channel
  }
}

/** Of its batch, about: what makes its group large. */
export function sizeOf(command: LedgerCommand): number {
  if (command.kind === 'exchange') return command.content.length
  return command.kind === 'adopt' ? command.content.length + command.answer.content.length : 0
}
