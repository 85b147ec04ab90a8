/**
 * The terms of a network: what its registry is given at deployment, and nobody can change after.
 *
 * @module
 */

import { type Address, accept, myst, refuse, type Verdict, zeroAddress } from '@myst/protocol'

export interface RegistryTerms {
  /** Takes the registration fees; zero: they are burnt. */
  readonly feeRecipient: Address
  /** Base units of the token, as is the stake. */
  readonly registrationFee: bigint
  readonly minimumOperatorStake: bigint
  /** Seconds, as are the others. */
  readonly exitDelay: bigint
  readonly rateNotice: bigint
  readonly rotationNotice: bigint
  readonly closingDelay: bigint
}

const dayS = 86_400n

/**
 * The delays give people time to notice and to leave: 4 days to lay promises on chain when somebody exits, a week and a
 * fortnight when an accountant changes its rate or key, two months before a closed one takes its money. The fee keeps
 * identities from being free; the stake is what an accountant has to lose before anybody trusts it.
 */
export const usualTerms: RegistryTerms = {
  feeRecipient: zeroAddress,
  registrationFee: myst / 10n,
  minimumOperatorStake: 100n * myst,
  exitDelay: 4n * dayS,
  rateNotice: 7n * dayS,
  rotationNotice: 14n * dayS,
  closingDelay: 60n * dayS,
}

export const delayNames = ['exitDelay', 'rateNotice', 'rotationNotice', 'closingDelay'] as const
export type DelayName = (typeof delayNames)[number]

/** Ten years, as in the contract. */
const maxDelayS = 3650n * dayS
/** Stakes are kept in 96 bits. */
const maxStake = (1n << 96n) - 1n

export type TermsRefusal =
  | {
      readonly code: 'terms-out-of-range'
      readonly term: keyof RegistryTerms
      readonly value: bigint
      readonly least: bigint
      readonly most: bigint
    }
  | { readonly code: 'amount-too-fine'; readonly amount: bigint; readonly decimals: number }

/** The bounds of the contract, before anything is paid for. Amounts are in 10⁻¹⁸ here, whatever the token has. */
export function checkTerms(terms: RegistryTerms): Verdict<TermsRefusal, RegistryTerms> {
  const bounds: readonly (readonly [keyof RegistryTerms & (DelayName | AmountName), bigint, bigint])[] = [
    ['registrationFee', 0n, myst],
    ['minimumOperatorStake', 0n, maxStake],
    ...delayNames.map((name) => [name, 1n, maxDelayS] as const),
  ]
  for (const [term, least, most] of bounds) {
    const value = terms[term]
    if (value < least || value > most) return refuse({ code: 'terms-out-of-range', term, value, least, most })
  }
  return accept(terms)
}

type AmountName = 'registrationFee' | 'minimumOperatorStake'

/** From 10⁻¹⁸ to the base units of a token with fewer decimals; never rounded. */
export function scaleTerms(terms: RegistryTerms, decimals: number): Verdict<TermsRefusal, RegistryTerms> {
  const unit = 10n ** BigInt(18 - decimals)
  const { registrationFee, minimumOperatorStake } = terms
  for (const amount of [registrationFee, minimumOperatorStake]) {
    if (amount % unit !== 0n) return refuse({ code: 'amount-too-fine', amount, decimals })
  }
  return accept({
    ...terms,
    registrationFee: registrationFee / unit,
    minimumOperatorStake: minimumOperatorStake / unit,
  })
}

/** Delays that leave people less time than usual. */
export const hastyDelays = (terms: RegistryTerms): readonly DelayName[] =>
  delayNames.filter((name) => terms[name] < usualTerms[name])
