/**
 * Pusher: passes records on to one neighbour, in batches, never more than one at a time.
 *
 * A neighbour that is slow gets larger batches; one that falls behind by more than the queue loses the oldest and gets
 * them at the next reconciliation.
 *
 * @module
 */

import type { Link } from '@myst/link'
import type { SignedProposal } from '@myst/protocol'
import { encode, maxProposalsPerMessage, proposalsProtocol, pushSchema } from './wire.ts'

/** At 55 records a second (100,000 proposals, refreshed every 30 min) half a minute of a neighbour's silence. */
const maxQueued = 2_000

export interface Pusher {
  push(signed: SignedProposal): void
}

export function createPusher(link: Pick<Link, 'request'>): Pusher {
  const queue: SignedProposal[] = []
  let busy = false

  async function drain(): Promise<void> {
    if (busy) return
    busy = true
    try {
      // Records of one turn leave together.
      await Promise.resolve()
      while (queue.length > 0) {
        const proposals = queue.splice(0, maxProposalsPerMessage)
        await link.request(proposalsProtocol, encode(pushSchema, { proposals }))
      }
    } catch {
      queue.length = 0 // lost or busy: reconciliation brings what was dropped
    } finally {
      busy = false
    }
  }

  return {
    push(signed) {
      if (queue.length >= maxQueued) queue.shift()
      queue.push(signed)
      void drain()
    },
  }
}
