/**
 * What a transactor is asked to carry to the chain, and what it answers.
 *
 * The requests are already signed for the contracts; a transactor can send them or not, and change nothing in them.
 *
 * @module
 */

import { fastExitSchema } from './fast-exit.ts'
import {
  address,
  bytes32,
  count,
  field,
  flag,
  message,
  oneOf,
  optional,
  signature,
  text,
  uint,
  type ValueOfSchema,
  variants,
} from './message.ts'

/** Each of their messages names a transactor and a fee; those of the others have no room for one. */
export const transactorCalls = ['register', 'settle', 'exit', 'fast-exit', 'decrease-stake'] as const
export type TransactorCall = (typeof transactorCalls)[number]

/** Signed messages without a fee: anybody may send them, and pays the gas. No transactor carries them. */
export const callsWithoutFee = [
  'open-channel',
  'cancel-exit',
  'change-beneficiary',
  'change-settle-wish',
  'change-url',
] as const

export const quoteSchema = message({
  /** The fee's payee; the signed message names it. */
  transactor: field(0, address),
  fee: field(1, uint(256)),
  /** A message signed with this fee until then is carried. */
  validUntilMs: field(2, uint(53)),
})
export type Quote = ValueOfSchema<typeof quoteSchema>

const registrationSchema = message({
  identity: field(0, address),
  accountant: field(1, address),
  beneficiary: field(2, address),
  transactor: field(3, address),
  fee: field(4, uint(256)),
  nonce: field(5, uint(256)),
  deadline: field(6, uint(64)),
})

const settleOrderSchema = message({
  provider: field(0, address),
  into: field(1, count(1)),
  amount: field(2, uint(256)),
  beneficiary: field(3, address),
  transactor: field(4, address),
  fee: field(5, uint(256)),
  allowPartial: field(6, flag),
  nonce: field(7, uint(256)),
  deadline: field(8, uint(64)),
})

const exitRequestSchema = message({
  beneficiary: field(0, address),
  transactor: field(1, address),
  fee: field(2, uint(256)),
  nonce: field(3, uint(256)),
  deadline: field(4, uint(64)),
})

const stakeDecreaseSchema = message({
  provider: field(0, address),
  amount: field(1, uint(256)),
  transactor: field(2, address),
  fee: field(3, uint(256)),
  nonce: field(4, uint(256)),
  deadline: field(5, uint(64)),
})

/** Of a channel, its two parties are named: its address follows from them, and nobody can name a contract of his own. */
export const transactorRequestSchema = variants({
  register: message({ registration: field(0, registrationSchema), signature: field(1, signature) }),
  settle: message({
    accountant: field(0, address),
    order: field(1, settleOrderSchema),
    preimage: field(2, bytes32),
    promiseSignature: field(3, signature),
    orderSignature: field(4, signature),
  }),
  exit: message({
    identity: field(0, address),
    accountant: field(1, address),
    exit: field(2, exitRequestSchema),
    signature: field(3, signature),
  }),
  'fast-exit': message({
    identity: field(0, address),
    accountant: field(1, address),
    exit: field(2, fastExitSchema),
    signature: field(3, signature),
    operatorSignature: field(4, signature),
  }),
  'decrease-stake': message({
    accountant: field(0, address),
    decrease: field(1, stakeDecreaseSchema),
    signature: field(2, signature),
  }),
})
export type TransactorRequest = ValueOfSchema<typeof transactorRequestSchema>

/** keccak256 of the request's bytes names it; the same bytes have one effect, however often they are sent. */
export const transactorStateSchema = message({
  id: field(0, bytes32),
  status: field(1, oneOf(['waiting', 'mined', 'refused'])),
  hash: optional(2, bytes32),
  /** The contract's error, or our own code. */
  code: optional(3, text(64)),
})
export type TransactorState = ValueOfSchema<typeof transactorStateSchema>
