/**
 * Fetches from a neighbour what it holds and we don't: its keys with their `seq`, then the records we lack.
 *
 * It costs about 75 bytes a record each time; ranges of fingerprints, which cost only the difference, come later under
 * a later minor of the same protocol.
 *
 * @module
 */

import type { Link } from '@myst/link'
import { Fault, type SignedProposal } from '@myst/protocol'
import { type KeeperVerdict, maxRecords, type ProposalKeeper } from './proposal-keeper.ts'
import {
  decode,
  digestPageSchema,
  encode,
  maxDigestsPerMessage,
  maxProposalsPerMessage,
  proposalPageSchema,
  syncProtocol,
  syncRequestSchema,
} from './wire.ts'

/** As many pages as a full keeper has, twice: a neighbour that goes on has made them up. */
const maxPages = Math.ceil((2 * maxRecords) / maxDigestsPerMessage)

/** @throws Fault `proposals-invalid` where the neighbour hands over what does not verify; else what the link throws. */
export async function fetchMissing(
  link: Pick<Link, 'request'>,
  keeper: Pick<ProposalKeeper, 'seqOf'>,
  take: (signed: SignedProposal) => KeeperVerdict,
): Promise<void> {
  let after: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const request = encode(syncRequestSchema, { kind: 'digests', ...(after !== undefined && { after }) })
    const { digests, next } = decode(digestPageSchema, await link.request(syncProtocol, request))
    const missing = digests.filter(({ key, seq }) => (keeper.seqOf(key) ?? -1n) < seq).map(({ key }) => key)
    while (missing.length > 0) {
      const keys = missing.splice(0, maxProposalsPerMessage)
      const records = encode(syncRequestSchema, { kind: 'records', keys })
      const { proposals } = decode(proposalPageSchema, await link.request(syncProtocol, records))
      for (const signed of proposals.slice(0, keys.length)) {
        if (take(signed).verdict === 'reject') throw new Fault('proposals-invalid')
      }
    }
    if (next === undefined || (after !== undefined && next <= after)) return
    after = next
  }
}
