/**
 * What a contract checks besides promises: each struct, its signer and where it is valid.
 *
 * Nonces are unordered (a bitmap per signer and contract). A fee names its payee; a zero `transactor` means that
 * anybody may send the message, and then the fee is 0.
 *
 * @module
 */

import { struct, type ValueOf } from './typed-data.ts'

/** Signed by the accountant's operator, valid at the accountant contract: all that it owes `provider` so far. */
export const accountantPromiseStruct = struct('AccountantPromise', {
  provider: 'address',
  amount: 'uint256',
  hashlock: 'bytes32',
})
export type AccountantPromise = ValueOf<typeof accountantPromiseStruct>

/** `SettleOrder.into`. */
export const settleInto = { wallet: 0, stake: 1 } as const

/** Signed by the provider, valid at the accountant contract: what one settlement may do, and what its sender gets. */
export const settleOrderStruct = struct('SettleOrder', {
  provider: 'address',
  into: 'uint8',
  amount: 'uint256',
  beneficiary: 'address',
  transactor: 'address',
  fee: 'uint256',
  allowPartial: 'bool',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type SettleOrder = ValueOf<typeof settleOrderStruct>

/** Signed by the provider, valid at the accountant contract: who may settle for it without an order. */
export const settleWishStruct = struct('SettleWish', {
  provider: 'address',
  anyone: 'bool',
  payouts: 'bool',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type SettleWish = ValueOf<typeof settleWishStruct>

/** Signed by the identity, valid at the registry. Takes the registration fee and `fee` from the channel, once. */
export const registrationStruct = struct('Registration', {
  identity: 'address',
  accountant: 'address',
  beneficiary: 'address',
  transactor: 'address',
  fee: 'uint256',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type Registration = ValueOf<typeof registrationStruct>

/** Signed by the identity, valid at its channel. */
export const exitRequestStruct = struct('ExitRequest', {
  beneficiary: 'address',
  transactor: 'address',
  fee: 'uint256',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type ExitRequest = ValueOf<typeof exitRequestStruct>

export const exitCancelStruct = struct('ExitCancel', { nonce: 'uint256', deadline: 'uint256' })
export type ExitCancel = ValueOf<typeof exitCancelStruct>

/** Signed by the identity and by the accountant's operator, valid at the channel. */
export const fastExitStruct = struct('FastExit', {
  amount: 'uint256',
  beneficiary: 'address',
  transactor: 'address',
  fee: 'uint256',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type FastExit = ValueOf<typeof fastExitStruct>

/** Signed by the provider, valid at the accountant contract. */
export const stakeDecreaseStruct = struct('StakeDecrease', {
  provider: 'address',
  amount: 'uint256',
  transactor: 'address',
  fee: 'uint256',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type StakeDecrease = ValueOf<typeof stakeDecreaseStruct>

/** Signed by the identity, valid at the registry. */
export const beneficiaryChangeStruct = struct('BeneficiaryChange', {
  identity: 'address',
  beneficiary: 'address',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type BeneficiaryChange = ValueOf<typeof beneficiaryChangeStruct>

/** Signed by the accountant's operator, valid at the registry: where its service answers. */
export const urlChangeStruct = struct('UrlChange', {
  accountant: 'address',
  url: 'string',
  nonce: 'uint256',
  deadline: 'uint256',
})
export type UrlChange = ValueOf<typeof urlChangeStruct>
