/**
 * Proposal keeper: the live proposals of a network, as one node holds them.
 *
 * For each provider and service type the highest `seq` wins, whoever brought it and in whatever order; a withdrawal is
 * a proposal too, kept so that what it withdrew does not come back. Nothing is stored that was not checked, and a
 * stranger can cost a bounded amount: records per identity, per source and in all, and changes per record and time.
 *
 * @module
 */

import {
  type Address,
  type Crypto,
  checkProposal,
  decodeMessage,
  maxProposalBytes,
  type Proposal,
  type ProposalRefusal,
  proposalSchema,
  type SignedProposal,
} from '@myst/protocol'
import { createSortedKeys } from './sorted-keys.ts'

/** A provider sells a handful of services; each is one record. */
export const maxServicesPerProvider = 8
/** 100,000 proposals, the size we plan for, and some tombstones; about 100 MB. */
export const maxRecords = 120_000
/** A proposal may change this often at once (price, then withdrawal) … */
const changesAtOnce = 6
/** … and once in this time over the long run: each change travels to every full node. */
const changeIntervalMs = 30_000

/** `provider/serviceType`: one offer, whatever its `seq`. */
export type ProposalKey = string

export type KeeperVerdict =
  /** New: stored, and worth passing on. */
  | { readonly verdict: 'accept'; readonly key: ProposalKey }
  /** Nothing wrong with who sent it. */
  | { readonly verdict: 'ignore'; readonly code: IgnoreCode }
  /** Whoever sent it did not check it, or made it up. */
  | { readonly verdict: 'reject'; readonly code: RejectCode }

export type IgnoreCode =
  | 'proposal-known'
  | 'proposal-superseded'
  | 'proposal-expired'
  | 'proposal-changes-too-often'
  | 'provider-full'
  | 'source-full'
  | 'keeper-full'
export type RejectCode = Exclude<ProposalRefusal['code'], 'proposal-expired'>

/** Who brought a record, and how many records that are here because of it may be. */
export interface Source {
  readonly name: string
  readonly maxRecords: number
}

export interface ProposalFilter {
  readonly country?: string
  readonly serviceType?: string
}

export interface ProposalDigest {
  readonly key: ProposalKey
  readonly seq: bigint
}

export interface Page<T> {
  readonly items: readonly T[]
  /** The last key of this page where more follow. */
  readonly next?: ProposalKey
}

export interface ProposalKeeper {
  /** `source` left out: our own. */
  offer(signed: SignedProposal, source?: Source): KeeperVerdict
  /** Live ones that match, and tombstones of what matched, in the order of their keys. */
  list(filter: ProposalFilter, page: PageRequest): Page<SignedProposal>
  /** Live ones that match, without tombstones. For the node itself. */
  live(filter?: ProposalFilter): readonly SignedProposal[]
  digests(page: { readonly after?: ProposalKey; readonly maxItems: number }): Page<ProposalDigest>
  get(key: ProposalKey): SignedProposal | undefined
  /** The highest `seq` seen, so that a provider that lost its state goes on above it. */
  seqOf(key: ProposalKey): bigint | undefined
  /** Forgets what has expired. */
  sweep(): void
  readonly size: number
}

export interface PageRequest {
  readonly after?: ProposalKey
  /** Content, signature and 16 bytes of framing each. */
  readonly maxBytes: number
}

export interface KeeperDeps {
  readonly crypto: Crypto
  readonly nowMs: () => number
}

export interface KeeperOptions {
  readonly networkId: string
  readonly maxRecords?: number
}

interface Record {
  readonly signed: SignedProposal
  readonly seq: bigint
  readonly country: string
  readonly serviceType: string
  readonly provider: Address
  readonly withdrawn: boolean
  readonly expiresAtMs: number
  /** At least as long as anything it replaced could have lived: until then a lower `seq` must not come back. */
  readonly keptUntilMs: number
  readonly source: string | undefined
  readonly changes: { readonly left: number; readonly atMs: number }
}

export const keyOf = (proposal: Pick<Proposal, 'provider' | 'serviceType'>): ProposalKey =>
  `${proposal.provider}/${proposal.serviceType}`

export const wireBytes = (signed: SignedProposal): number => signed.content.length + signed.signature.length + 16

export function createProposalKeeper({ crypto, nowMs }: KeeperDeps, options: KeeperOptions): ProposalKeeper {
  const records = new Map<ProposalKey, Record>()
  const keys = createSortedKeys()
  const perProvider = new Map<string, number>()
  const perSource = new Map<string, number>()
  const { networkId, maxRecords: max = maxRecords } = options

  function offer(signed: SignedProposal, source?: Source): KeeperVerdict {
    const decoded = decodeMessage(proposalSchema, signed.content, maxProposalBytes)
    if (!decoded.ok) return { verdict: 'reject', code: decoded.refusal.code }
    const proposal = decoded.value
    const key = keyOf(proposal)
    const before = records.get(key)

    // Cheap answers to what is known, before the signature is looked at. Nothing changes here.
    const known = before && compareWith(before, proposal, signed)
    if (known !== undefined) return { verdict: 'ignore', code: known }
    const now = nowMs()
    const changes = changesAfter(before, now)
    if (changes.left < 0) return { verdict: 'ignore', code: 'proposal-changes-too-often' }
    if (before === undefined) {
      const full = fullness(proposal.provider, source, now)
      if (full !== undefined) return { verdict: 'ignore', code: full }
    }

    const checked = checkProposal(crypto, signed, { networkId, nowMs: now })
    if (!checked.ok) {
      const { code } = checked.refusal
      return code === 'proposal-expired' ? { verdict: 'ignore', code } : { verdict: 'reject', code }
    }

    const expiresAtMs = Number(proposal.expiresAtMs)
    if (before === undefined) {
      keys.add(key)
      bump(perProvider, proposal.provider, 1)
      if (source !== undefined) bump(perSource, source.name, 1)
    }
    records.set(key, {
      signed,
      seq: proposal.seq,
      country: proposal.location.country,
      serviceType: proposal.serviceType,
      provider: proposal.provider,
      withdrawn: proposal.withdrawn === true,
      expiresAtMs,
      keptUntilMs: Math.max(expiresAtMs, before?.keptUntilMs ?? 0),
      source: before === undefined ? source?.name : before.source,
      changes,
    })
    return { verdict: 'accept', key }
  }

  function fullness(provider: Address, source: Source | undefined, now: number): IgnoreCode | undefined {
    if ((perProvider.get(provider) ?? 0) >= maxServicesPerProvider) return 'provider-full'
    if (source !== undefined && (perSource.get(source.name) ?? 0) >= source.maxRecords) return 'source-full'
    if (records.size >= max) sweepAt(now)
    return records.size >= max ? 'keeper-full' : undefined
  }

  function sweepAt(now: number): void {
    for (const [key, record] of records) {
      if (record.keptUntilMs > now) continue
      records.delete(key)
      keys.delete(key)
      bump(perProvider, record.provider, -1)
      if (record.source !== undefined) bump(perSource, record.source, -1)
    }
  }

  const isLive = (record: Record, now: number): boolean => record.expiresAtMs > now
  const matches = (record: Record, filter: ProposalFilter): boolean =>
    (filter.country === undefined || record.country === filter.country) &&
    (filter.serviceType === undefined || record.serviceType === filter.serviceType)

  return {
    offer,
    list(filter, { after, maxBytes }) {
      const now = nowMs()
      const items: SignedProposal[] = []
      let bytes = 0
      let last: ProposalKey | undefined
      for (const key of keys.from(after)) {
        const record = records.get(key)!
        if (!isLive(record, now) || !matches(record, filter)) continue
        bytes += wireBytes(record.signed)
        if (bytes > maxBytes && last !== undefined) return { items, next: last }
        items.push(record.signed)
        last = key
      }
      return { items }
    },
    live(filter = {}) {
      const now = nowMs()
      return [...records.values()]
        .filter((record) => isLive(record, now) && !record.withdrawn && matches(record, filter))
        .map(({ signed }) => signed)
    },
    digests({ after, maxItems }) {
      const now = nowMs()
      const items: ProposalDigest[] = []
      for (const key of keys.from(after)) {
        const record = records.get(key)!
        if (!isLive(record, now)) continue
        if (items.length === maxItems) return { items, next: items.at(-1)!.key }
        items.push({ key, seq: record.seq })
      }
      return { items }
    },
    get(key) {
      const record = records.get(key)
      return record !== undefined && isLive(record, nowMs()) ? record.signed : undefined
    },
    seqOf: (key) => records.get(key)?.seq,
    sweep: () => sweepAt(nowMs()),
    get size() {
      return records.size
    },
  }
}

/**
 * Undefined where the new one wins. Two different ones with one `seq` are the provider's doing; every node then keeps
 * the one whose bytes sort higher, so that all end with the same.
 */
function compareWith(before: Record, { seq }: Proposal, { content }: SignedProposal): IgnoreCode | undefined {
  if (seq !== before.seq) return seq < before.seq ? 'proposal-superseded' : undefined
  const order = Buffer.compare(content, before.signed.content)
  if (order === 0) return 'proposal-known'
  return order < 0 ? 'proposal-superseded' : undefined
}

/** A bucket of changes that refills over time. */
function changesAfter(before: Record | undefined, now: number): Record['changes'] {
  if (before === undefined) return { left: changesAtOnce - 1, atMs: now }
  const refilled = Math.floor(Math.max(0, now - before.changes.atMs) / changeIntervalMs)
  const left = Math.min(changesAtOnce, before.changes.left + refilled) - 1
  return { left, atMs: refilled > 0 ? now : before.changes.atMs }
}

function bump(counts: Map<string, number>, name: string, step: 1 | -1): void {
  const next = (counts.get(name) ?? 0) + step
  if (next > 0) counts.set(name, next)
  else counts.delete(name)
}
