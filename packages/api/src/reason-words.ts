/**
 * Why a connection stands still or ended, in words: what the provider said, what we refused, what was lost.
 *
 * @module
 */

const words: Readonly<Record<string, string>> = {
  // What ends or pauses it here.
  'budget-spent': 'its budget is spent; connect again with a larger one',
  'day-limit-reached': "the day's spending limit is reached; raise it in the configuration, or wait for tomorrow (UTC)",
  'money-spent': 'the money on the channel is spent: myst topup',
  'topped-up': 'there is new money on the channel; showing it to the provider',
  'top-up-not-stated': 'there is new money on the channel; waiting for the accountant to say so to providers',
  'provider-raised-price': 'the provider asks more than you agreed to; connect again to take it',
  'invoice-over-measured': 'the provider asks for more than was measured here, and is not paid that',
  'invoice-over-budget': 'the provider asks for more than the budget',
  'invoice-over-day-limit': "an invoice is above the day's spending limit",
  'invoice-over-provider-limit': "an invoice is above the day's limit for one provider",
  'invoice-over-capacity': 'the channel holds less than the provider asks for: myst topup',
  'invoice-too-early': 'the provider sends invoices faster than agreed',
  'invoice-total-lowered': 'the provider contradicts its own invoices',
  // What the provider says.
  unpaid: 'the provider says that it was not paid',
  replaced: 'another connection of this identity took its place; is your key on two machines?',
  'provider-stops': 'the provider stops this service',
  'provider-fault': 'something failed at the provider',
  'consumer-silent': 'the provider heard nothing from here for ten seconds',
  'session-provider-full': 'the provider has no place left',
  'session-capacity-too-low': 'the channel holds too little for this provider: myst topup',
  'session-capacity-unproven': 'the provider does not believe what the channel holds; is the clock right?',
  'session-channel-closing': 'the channel is being emptied, so nobody serves on it',
  'session-price-changed': 'the provider has changed its price',
  'session-service-unknown': 'the provider does not offer this any more',
  'session-request-stale': 'the clocks of both ends differ too much',
  // What the accountant says of our promises.
  'promise-amount-behind': 'a promise was signed twice; is your key on two machines?',
  'promise-breaks-prefix': 'more was promised than the channel accounts for; is your key on two machines?',
  'promise-over-capacity': 'more was promised than the channel holds',
  'promise-channel-closing': 'the channel is being emptied',
}

/** @returns the words; what has none is said as it came. */
export const reasonWords = (code: string): string => words[code] ?? code
