/**
 * The commands of a recovery, as data: so that a replay of the log goes through it again.
 *
 * @module
 */

import {
  accountantPromiseMessage,
  address,
  type Batch,
  type BatchAnswer,
  batchAnswerSchema,
  batchSchema,
  bytes,
  bytes32,
  count,
  decodeMessage,
  field,
  flag,
  list,
  maxBatchBytes,
  maxBatchItems,
  message,
  oneOf,
  optional,
  type Schema,
  signedContent,
  uint,
  type ValueOfSchema,
} from '@myst/protocol'
import { recoveryReasons } from './recovery-records.ts'

const beginSchema = message({
  atMs: field(0, uint(53)),
  reason: field(1, oneOf(recoveryReasons)),
  /** Of this provider the chain shows a promise of ours of this amount. */
  shown: optional(2, message({ provider: field(0, address), amount: field(1, uint(256)) })),
})
export type BeginRecoveryCommand = ValueOfSchema<typeof beginSchema>

const endSchema = message({
  atMs: field(0, uint(53)),
  /** How long a recovery lasts at least. */
  recoveryMs: field(1, count(Number.MAX_SAFE_INTEGER)),
})
export type EndRecoveryCommand = ValueOfSchema<typeof endSchema>

const adoptFields = message({
  /** The batch's bytes, which its provider signed. */
  content: field(0, bytes(maxBatchBytes)),
  /** keccak256 of the content. */
  digest: field(1, bytes32),
  /** Signed by our operator, as is the promise in it. */
  answer: field(2, signedContent(maxBatchBytes)),
  /** For each item its channel, and who signed it. */
  facts: field(3, list(message({ channel: field(0, address), signer: optional(1, address) }), maxBatchItems)),
  /** Answers before it are missing. */
  afterHole: field(4, flag),
  knownPreimage: optional(5, bytes(32, 32)),
})

/** An answered batch whose signatures are good; batch and answer come decoded, so that nobody decodes them twice. */
export type AdoptCommand = ValueOfSchema<typeof adoptFields> & {
  readonly batch: Batch
  readonly answered: BatchAnswer
}

const adoptSchema: Schema<AdoptCommand> = {
  write: (command) => adoptFields.write(command),
  read(from) {
    const fields = adoptFields.read(from)
    const batch = decodeMessage(batchSchema, fields.content, maxBatchBytes)
    const answered = decodeMessage(batchAnswerSchema, fields.answer.content, maxBatchBytes)
    if (!batch.ok) throw new RangeError(`content: ${batch.refusal.code}`)
    if (!answered.ok) throw new RangeError(`answer: ${answered.refusal.code}`)
    return { ...fields, batch: batch.value, answered: answered.value }
  },
}

const adoptNewestSchema = message({
  /** Signed by our operator. */
  promise: field(0, accountantPromiseMessage),
  knownPreimage: optional(1, bytes(32, 32)),
  /** What the provider says its agreements were credited. */
  credited: field(
    2,
    list(message({ channel: field(0, address), id: field(1, bytes32), total: field(2, uint(256)) }), maxBatchItems),
  ),
})
export type AdoptNewestCommand = ValueOfSchema<typeof adoptNewestSchema>

export const recoveryCommands = {
  'begin-recovery': beginSchema,
  'end-recovery': endSchema,
  adopt: adoptSchema,
  'adopt-newest': adoptNewestSchema,
} as const
