/**
 * A preimage becomes known: with the provider's next batch, by its reveal, or from its settlement on chain.
 *
 * @module
 */

import { type Address, type Crypto, hashlockOf } from '@myst/protocol'
import { revealItems } from './channel-account.ts'
import { timeOf } from './floor.ts'
import type { LedgerDraft } from './records.ts'

/** @returns false where it opens no lock that waits for it: nothing changes, so anybody may repeat it. */
export function revealPreimage(draft: LedgerDraft, crypto: Crypto, provider: Address, preimage: Uint8Array): boolean {
  const hashlock = hashlockOf(crypto, preimage)
  const account = draft.get('providers', provider)
  if (account?.unrevealed?.hashlock !== hashlock) return false
  const { unrevealed, ...revealed } = account
  for (const channel of unrevealed.channels) {
    const credited = draft.get('channels', channel)
    if (credited !== undefined) draft.put('channels', channel, revealItems(credited, hashlock, preimage))
  }
  draft.put('locks', hashlock, { provider, preimage, atMs: timeOf(draft) })
  draft.put('providers', provider, revealed)
  return true
}
