/**
 * Discovery for those who hold no database: consumers list proposals, providers publish theirs.
 *
 * It trusts no full node: it asks at least two, checks every signature itself, and takes for each offer the newest that
 * any of them has. A full node can leave things out; to hide an offer all that were asked have to.
 *
 * @module
 */

import type { Link, LinkNode } from '@myst/link'
import {
  type Crypto,
  decodeMessage,
  Fault,
  type Proposal,
  proposalSchema,
  type SignedProposal,
  toHex,
} from '@myst/protocol'
import { type Clock, deadline, systemClock } from './clock.ts'
import { shuffled, topicOf } from './full-node.ts'
import { createProposalKeeper, maxRecords, type ProposalFilter } from './proposal-keeper.ts'
import {
  decode,
  encode,
  listRequestSchema,
  proposalListProtocol,
  proposalPageSchema,
  proposalsProtocol,
  pushAnswerSchema,
  pushSchema,
} from './wire.ts'

/** One may lie by leaving out, or be dead. */
export const minFullNodes = 2
/** Providers push to one more, so that an offer survives the loss of two. */
export const publishFullNodes = 3
/** A proposal lives 90 min: two refreshes may be missed. */
export const refreshIntervalMs = 30 * 60_000
/** While fewer full nodes have the offer than should. */
const retryIntervalMs = 20_000
/** A living full node answers in a few round trips; a dead one is skipped after this. */
const askTimeoutMs = 5_000
/** 64 KiB pages of 400-byte proposals: a full keeper has 750. */
const maxPages = 2_000

export interface ClientDeps {
  readonly node: LinkNode
  readonly crypto: Crypto
  readonly clock?: Clock
  /** In [0, 1). */
  readonly random?: () => number
  /** Told what a refresh threw that was no Fault: `sign` failed. Faults are tried again by themselves. */
  readonly onBug?: (error: unknown) => void
}

export interface ClientOptions {
  readonly networkId: string
  /** Full nodes that are asked whether or not the topic names them. */
  readonly known?: readonly Uint8Array[]
  /** Dial with fresh keys: consumers do. */
  readonly ephemeral?: boolean
}

export interface FoundProposals {
  readonly proposals: readonly { readonly proposal: Proposal; readonly signed: SignedProposal }[]
  /** How many full nodes answered; below `minFullNodes` something may be missing. */
  readonly sources: number
}

export interface PublishedProposal {
  /** Full nodes that have the newest state, as far as known. */
  readonly holders: number
  /** Signs and pushes anew, now: price changed, sessions full. */
  refresh(): Promise<void>
  /** Pushes a tombstone and stops refreshing. */
  withdraw(): Promise<void>
  /** Stops refreshing; the offer expires by itself. */
  close(): void
}

/** Signs the current offer. `seq` rises with every call; `withdrawn` asks for a tombstone. */
export type SignOffer = (next: {
  readonly seq: bigint
  readonly nowMs: number
  readonly withdrawn: boolean
}) => SignedProposal

export interface DiscoveryClient {
  /** @throws Fault `full-nodes-unreachable`, or the signal's reason. */
  list(filter?: ProposalFilter, options?: { readonly signal?: AbortSignal }): Promise<FoundProposals>
  /** Resolves when the first full node has it. @throws Fault `full-nodes-unreachable`, `proposal-refused` */
  publish(sign: SignOffer): Promise<PublishedProposal>
  close(): Promise<void>
}

export function createDiscoveryClient(deps: ClientDeps, options: ClientOptions): DiscoveryClient {
  const { node, crypto, clock = systemClock, random = Math.random } = deps
  const { networkId, known = [], ephemeral = false } = options
  const links = new Map<string, Link>()
  const published = new Set<PublishedProposal>()
  let closed = false
  const reportBug = (error: unknown): void => {
    if (!(error instanceof Fault)) deps.onBug?.(error)
  }

  /** Those with an open link first: they answer at once. The topic is asked when those don't suffice. */
  function candidates(signal?: AbortSignal): () => Promise<Uint8Array | undefined> {
    const given = new Set<string>()
    const queue = [...links.values()].map((link) => link.remoteKey)
    let asked: Promise<void> | undefined
    const ask = async (): Promise<void> => {
      const topic = topicOf(crypto, networkId)
      const found = await node.lookup(topic, signal && { signal }).catch(() => [])
      queue.push(...shuffled([...known, ...found], random))
    }
    return async () => {
      asked ??= queue.length === 0 ? ask() : undefined
      await asked
      for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
        if (given.has(toHex(key))) continue
        given.add(toHex(key))
        return key
      }
      return undefined
    }
  }

  async function linkTo(key: Uint8Array, signal: AbortSignal): Promise<Link> {
    const name = toHex(key)
    const open = links.get(name)
    if (open !== undefined) return open
    const link = await node.connect(key, { ephemeral, signal })
    const other = links.get(name)
    if (other !== undefined || closed) {
      await link.close('not-needed')
      if (other === undefined) throw new Fault('link-closed')
      return other
    }
    links.set(name, link)
    void link.closed.then(() => {
      if (links.get(name) === link) links.delete(name)
    })
    return link
  }

  /** Asks full nodes, a few at a time, until `wanted` have answered or none is left. */
  async function askSome<T>(
    wanted: number,
    ask: (link: Link, signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T[]> {
    const next = candidates(signal)
    const answers: T[] = []
    const enough = new AbortController()
    async function worker(): Promise<void> {
      while (answers.length < wanted) {
        const key = await next()
        if (key === undefined) return
        const wait = deadline(clock, askTimeoutMs, AbortSignal.any(signal ? [signal, enough.signal] : [enough.signal]))
        try {
          answers.push(await ask(await linkTo(key, wait.signal), wait.signal))
          if (answers.length >= wanted) enough.abort()
        } catch {
          // dead, slow or lying, or no longer needed: the next one, if any
        } finally {
          wait.stop()
        }
      }
    }
    // One more at a time than wanted, so that a single dead one costs no time.
    await Promise.all(Array.from({ length: wanted + 1 }, worker))
    signal?.throwIfAborted()
    if (answers.length === 0) throw new Fault('full-nodes-unreachable', { networkId })
    return answers
  }

  async function fetchAll(link: Link, filter: ProposalFilter, signal: AbortSignal): Promise<SignedProposal[]> {
    const fetched: SignedProposal[] = []
    let after: string | undefined
    for (let page = 0; page < maxPages && fetched.length < maxRecords; page++) {
      const request = encode(listRequestSchema, { ...filter, ...(after !== undefined && { after }) })
      const { proposals, next } = decode(
        proposalPageSchema,
        await link.request(proposalListProtocol, request, { signal }),
      )
      fetched.push(...proposals)
      if (next === undefined || (after !== undefined && next <= after)) break
      after = next
    }
    return fetched
  }

  async function push(signed: SignedProposal): Promise<number> {
    const answers = await askSome(publishFullNodes, async (link, signal) => {
      const body = encode(pushSchema, { proposals: [signed] })
      const { codes } = decode(pushAnswerSchema, await link.request(proposalsProtocol, body, { signal }))
      return codes[0] ?? 'no-answer'
    })
    const holders = answers.filter((code) => code === 'accepted' || code === 'proposal-known').length
    if (holders === 0) throw new Fault('proposal-refused', { code: answers[0] })
    return holders
  }

  return {
    async list(filter = {}, { signal } = {}) {
      signal?.throwIfAborted()
      const lists = await askSome(minFullNodes, (link, each) => fetchAll(link, filter, each), signal)
      // A keeper of its own for this question: checks, newest of each, tombstones.
      const keeper = createProposalKeeper({ crypto, nowMs: clock.nowMs }, { networkId })
      for (const signed of lists.flat()) keeper.offer(signed)
      const proposals = keeper.live(filter).map((signed) => {
        const decoded = decodeMessage(proposalSchema, signed.content)
        if (!decoded.ok) throw new Error('bug: a kept proposal was not checked')
        return { proposal: decoded.value, signed }
      })
      return { proposals, sources: lists.length }
    },

    async publish(sign) {
      let holders = 0
      let lastSeq = 0n
      let stopped = false
      let stopTimer = (): void => {}
      const pushNext = async (withdrawn: boolean): Promise<void> => {
        const nowMs = clock.nowMs()
        // Time is a seq that rises over restarts; it never falls behind what was used already.
        lastSeq = lastSeq < BigInt(nowMs) ? BigInt(nowMs) : lastSeq + 1n
        holders = 0
        holders = await push(sign({ seq: lastSeq, nowMs, withdrawn }))
      }
      const refreshLater = (): void => {
        stopTimer()
        if (stopped) return
        const delayMs = holders < minFullNodes ? retryIntervalMs : refreshIntervalMs
        stopTimer = clock.after(delayMs * (0.9 + random() / 10), () => void refresh().catch(reportBug))
      }
      const refresh = async (): Promise<void> => {
        try {
          await pushNext(false)
        } finally {
          refreshLater()
        }
      }
      const handle: PublishedProposal = {
        get holders() {
          return holders
        },
        refresh,
        async withdraw() {
          handle.close()
          await pushNext(true)
        },
        close() {
          stopped = true
          stopTimer()
          published.delete(handle)
        },
      }
      await pushNext(false)
      published.add(handle)
      refreshLater()
      return handle
    },

    async close() {
      closed = true
      for (const handle of [...published]) handle.close()
      await Promise.all([...links.values()].map((link) => link.close('node-closed')))
    },
  }
}
