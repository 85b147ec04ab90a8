/**
 * Alarms in words: what it is, and what to do. The operator's page explains each once more.
 *
 * @module
 */

import { type Address, formatMyst } from '@myst/protocol'
import type { Alarm, AlarmCode } from './treasurer-rules.ts'

const words = {
  'in-punishment':
    'A punishment runs: after six hours it costs the operator’s stake, by the hour. Withdrawals and new stakes wait.',
  'guarantees-short': 'Guarantees lack more than there are free funds: the next settlement starts a punishment.',
  'settlement-uncovered': 'One settlement, of the provider with the most unsettled promises, would start a punishment.',
  'promises-uncovered': 'If every provider settled now, free funds and guarantees would not pay them all.',
  'funds-low': 'Free funds are below the reserve that was set.',
  'withdrawal-uncovered':
    'The announced withdrawal takes what settlements may need. Cancel it, or put in what it lacks.',
  'gas-low': 'The operator runs out of gas: nothing could be collected or held.',
  'holds-late':
    'An exit was seen and its hold is not on chain yet. See the log; look after the RPC and the operator’s gas.',
  'collection-late': 'Revealed promises wait for twice the time that was set: gas is too dear, or the RPC is away.',
  'chain-unseen': 'The chain could not be read for ten minutes: all figures are old. Look after the RPC.',
} as const satisfies Record<AlarmCode, string>

export function wordsOf(
  { code, send }: Alarm,
  to: { readonly accountant: Address; readonly operator: Address },
): string {
  if (send === undefined) return words[code]
  const { amount, coin } = send
  const [what, where] = coin === 'MYST' ? ['MYST', to.accountant] : ['of the chain’s coin', to.operator]
  return `${words[code]} Send ${formatMyst(amount)} ${what} to ${where}.`
}
