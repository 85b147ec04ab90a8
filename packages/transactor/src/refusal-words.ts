/**
 * What each refusal is over HTTP: its status, and words for who reads it without a program.
 *
 * @module
 */

import type { CarryRefusal } from './carrier.ts'
import type { FaucetRefusal } from './faucet.ts'

export type HttpRefusalCode =
  | CarryRefusal['code']
  | FaucetRefusal['code']
  | 'call-unknown'
  | 'call-without-fee'
  | 'request-unknown'
  | 'recipient-invalid'
  | 'path-unknown'
  | 'chain-unreachable'
  | 'internal'

export const refusalWords = {
  'request-malformed': [422, 'This is not a request as a transactor takes it.'],
  'address-quota': [429, 'Too many requests from this address. Try again in some minutes.'],
  'accountant-unknown': [422, 'The network profile of this transactor does not name that accountant.'],
  'fee-for-other': [422, 'The signed message names another transactor. Ask this one for a quote first.'],
  'deadline-passed': [422, 'The deadline of the signed message is over. Sign it anew.'],
  'wrong-signer': [422, 'The signature is not that of the identity.'],
  'identity-closed': [403, 'Two transactions of this identity failed when they were mined. It is closed for a day.'],
  'identity-quota': [429, 'Too many requests of this identity. Try again in some minutes.'],
  'fee-still-due': [429, 'The fee of an earlier exit or stake decrease has not been paid yet. One at a time.'],
  'losses-high': [503, 'This transactor has lost as much gas as it may today. Use another, or try again tomorrow.'],
  'advances-high': [
    503,
    'This transactor has laid out as much gas as it may today. Use another, or try again tomorrow.',
  ],
  'sponsoring-over': [429, 'No more registrations without a fee today. Ask for a quote, and sign its fee.'],
  'fee-too-low': [422, 'The fee is below what this costs now. Ask for a new quote.'],
  'too-many-waiting': [429, 'Too much is waiting already. Try again in a minute.'],
  'faucet-off': [404, 'This transactor has no faucet.'],
  'faucet-empty': [429, 'The faucet has given all that it gives in a day.'],
  'call-unknown': [404, 'There is no such call.'],
  'call-without-fee': [
    422,
    'Its signed message has no room for a fee, so nobody is paid for sending it. Send it yourself.',
  ],
  'request-unknown': [404, 'No such request: it was never made, was refused long ago, or ended more than a week ago.'],
  'recipient-invalid': [422, 'Send {"to": "0x…"} with the address that is to be paid.'],
  'path-unknown': [404, 'Nothing is here. See /openapi.json.'],
  'chain-unreachable': [503, 'The chain does not answer. Try again later.'],
  internal: [500, 'The transactor failed at something that should always work. Its log says more.'],
} as const satisfies Record<HttpRefusalCode, readonly [status: number, what: string]>
