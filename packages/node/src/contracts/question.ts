/**
 * What the command line asks about a network's contracts. Amounts and delays are decimal strings, as JSON carries them.
 *
 * @module
 */

import type { AccountantProgress, StepProgress } from '@myst/chain'
import { type Static, Type } from 'typebox'

const digits = Type.String({ pattern: '^(0|[1-9][0-9]{0,77})$' })
const address = Type.String({ pattern: '^0x[0-9a-f]{40}$' })

/** Addresses follow from it, so it is written in one way. */
export const networkIdPattern = /^[a-z][a-z0-9-]{0,31}$/

const tokenSchema = Type.Union([
  Type.Object({ kind: Type.Literal('existing'), address }),
  /** To the deployer, where no holder is named. */
  Type.Object({ kind: Type.Literal('fixed'), supply: digits, holder: Type.Optional(address) }),
  Type.Object({ kind: Type.Literal('test') }),
])

/** What is left out is as usual. Amounts in 10⁻¹⁸ MYST, delays in seconds. */
const termsSchema = Type.Object({
  feeRecipient: Type.Optional(address),
  registrationFee: Type.Optional(digits),
  minimumOperatorStake: Type.Optional(digits),
  exitDelay: Type.Optional(digits),
  rateNotice: Type.Optional(digits),
  rotationNotice: Type.Optional(digits),
  closingDelay: Type.Optional(digits),
})

const deploymentFields = {
  rpcUrl: Type.String(),
  chainId: Type.Optional(digits),
  networkId: Type.String({ pattern: networkIdPattern.source }),
  token: tokenSchema,
  terms: termsSchema,
  /** A keystore file; the identity in use of the data directory, where left out. */
  keystore: Type.Optional(Type.String()),
  dataDir: Type.String(),
  /** Where the profile goes, and what it says besides. */
  out: Type.String(),
  publicRpcUrls: Type.Array(Type.String()),
  confirmationDepth: Type.Integer({ minimum: 1, maximum: 100_000 }),
}

const accountantFields = {
  /** The profile, which gets an entry. */
  network: Type.String(),
  /** Another node than the profile's first. */
  rpcUrl: Type.Optional(Type.String()),
  /** The owner's keystore file; the identity in use of the data directory, where left out. */
  keystore: Type.Optional(Type.String()),
  dataDir: Type.String(),
  /** An address, or a keystore file that names one. */
  operator: Type.String(),
  stake: Type.Optional(digits),
  /** Basis points. */
  feeRate: digits,
  url: Type.String({ minLength: 1, maxLength: 256 }),
}

export const questionSchema = Type.Union([
  Type.Object({ ask: Type.Literal('plan'), ...deploymentFields }),
  Type.Object({
    ask: Type.Literal('deploy'),
    ...deploymentFields,
    /** What was agreed to, per gas. */
    maxFeePerGas: digits,
    passphraseFile: Type.Optional(Type.String()),
    passphrase: Type.Optional(Type.String()),
  }),
  Type.Object({ ask: Type.Literal('plan-accountant'), ...accountantFields }),
  Type.Object({
    ask: Type.Literal('register-accountant'),
    ...accountantFields,
    maxFeePerGas: digits,
    passphraseFile: Type.Optional(Type.String()),
    passphrase: Type.Optional(Type.String()),
  }),
  Type.Object({ ask: Type.Literal('verify'), network: Type.String(), rpcUrl: Type.Optional(Type.String()) }),
])

type Question = Static<typeof questionSchema>
export type PlanQuestion = Extract<Question, { ask: 'plan' }>
export type DeployQuestion = Extract<Question, { ask: 'deploy' }>
export type PlanAccountantQuestion = Extract<Question, { ask: 'plan-accountant' }>
export type RegisterAccountantQuestion = Extract<Question, { ask: 'register-accountant' }>
export type VerifyQuestion = Extract<Question, { ask: 'verify' }>

export type Event = StepProgress | AccountantProgress | { readonly stage: 'decrypting' | 'verifying' }
export type Tell = (event: Event) => void
