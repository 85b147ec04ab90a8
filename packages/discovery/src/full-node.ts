/**
 * Full node: one of those that together hold a network's proposals, without a server.
 *
 * Full nodes meet under a topic of the DHT. Each keeps links to a few others picked at random, fetches from each what
 * it lacks (on meeting and every few minutes), and passes every new record on once. What a stranger pushes is bounded
 * by its address; what is fetched from a neighbour, by that neighbour. Anyone may ask for pages of what is held.
 *
 * @module
 */

import type { Link, LinkNode } from '@myst/link'
import { type Crypto, Fault, type SignedProposal, toHex } from '@myst/protocol'
import { type Clock, deadline, systemClock } from './clock.ts'
import {
  createProposalKeeper,
  type KeeperVerdict,
  maxRecords,
  type ProposalKeeper,
  type Source,
} from './proposal-keeper.ts'
import { createPusher, type Pusher } from './pusher.ts'
import { fetchMissing } from './sync.ts'
import {
  decode,
  digestPageSchema,
  encode,
  joinAnswerSchema,
  listRequestSchema,
  maxDigestsPerMessage,
  pageBytes,
  proposalListProtocol,
  proposalPageSchema,
  proposalsProtocol,
  pushAnswerSchema,
  pushSchema,
  syncProtocol,
  syncRequestSchema,
  topicText,
} from './wire.ts'

/** A random graph of this degree stays in one piece when half of its nodes vanish. */
export const maxNeighbours = 8
/** Full nodes that dialled us and want pushes: three times our own number, so that newcomers find room. */
export const maxFollowers = 24
/** Records that are here because one /24 pushed them: a hosting site of providers, not a flood. */
const maxRecordsPerPrefix = 1_000
/** Neighbours are picked by us, yet none of them may fill the keeper alone. */
const maxRecordsPerNeighbour = Math.floor(maxRecords * 0.9)
/** Somebody who sends this many records that don't verify isn't checking them. */
const maxRejected = 20
/** Meets newcomers and replaces lost neighbours. */
const meetIntervalMs = 60_000
/** Heals what a push missed: a record is everywhere within this and one refresh. */
const reconcileIntervalMs = 5 * 60_000
/** A few dead entries in the topic must not hold up the rest. */
const dialsAtOnce = 4
/** A dial through NAT takes seconds at worst. */
const dialTimeoutMs = 10_000

export interface FullNodeDeps {
  readonly node: LinkNode
  readonly crypto: Crypto
  readonly clock?: Clock
  /** In [0, 1). */
  readonly random?: () => number
}

export interface FullNodeOptions {
  readonly networkId: string
  /** Full nodes that are dialled whether or not the topic names them. */
  readonly known?: readonly Uint8Array[]
}

export interface FullNode {
  /** Announces this node, which listens already, and meets the others. @throws Fault `network-unreachable` */
  start(): Promise<void>
  /** As if a provider had pushed it: stored and passed on. */
  publish(signed: SignedProposal): KeeperVerdict
  readonly proposals: ProposalKeeper
  readonly neighbours: number
  readonly followers: number
  /** Looks for others now, instead of within the minute. */
  meet(): Promise<void>
  /** Stops meeting; the node itself stays open. */
  close(): Promise<void>
}

/** Serves from now on: create it before the node listens. */
export function createFullNode(deps: FullNodeDeps, options: FullNodeOptions): FullNode {
  const { node, crypto, clock = systemClock, random = Math.random } = deps
  const { networkId, known = [] } = options
  const keeper = createProposalKeeper({ crypto, nowMs: clock.nowMs }, { networkId })
  const topic = topicOf(crypto, networkId)
  const neighbours = new Map<string, { readonly link: Link; readonly pusher: Pusher; stopTimer(): void }>()
  const followers = new Map<Link, Pusher>()
  let closed = false
  let announcement: { close(): Promise<void> } | undefined
  let stopMeeting = (): void => {}

  /** Stores and passes on, but not back to where it came from. */
  function take(signed: SignedProposal, source?: Source, from?: Link): KeeperVerdict {
    const verdict = keeper.offer(signed, source)
    if (verdict.verdict === 'accept') {
      for (const { link, pusher } of neighbours.values()) if (link !== from) pusher.push(signed)
      for (const [link, pusher] of followers) if (link !== from) pusher.push(signed)
    }
    return verdict
  }

  function serve(link: Link): void {
    let rejected = 0
    const ownNeighbour = (): boolean => neighbours.get(toHex(link.remoteKey))?.link === link
    const sourceOf = (): Source =>
      ownNeighbour()
        ? neighbourSource(link)
        : { name: prefixOf(link.remoteEndpoint.host), maxRecords: maxRecordsPerPrefix }

    link.onRequest(proposalsProtocol, (body) => {
      const { proposals } = decode(pushSchema, body)
      const codes = proposals.map((signed) => {
        const verdict = take(signed, sourceOf(), link)
        if (verdict.verdict === 'reject') rejected++
        return verdict.verdict === 'accept' ? 'accepted' : verdict.code
      })
      if (rejected > maxRejected) void link.close('proposals-invalid')
      return encode(pushAnswerSchema, { codes })
    })

    link.onRequest(proposalListProtocol, (body) => {
      const { after, ...filter } = decode(listRequestSchema, body)
      const page = keeper.list(filter, { maxBytes: pageBytes, ...(after !== undefined && { after }) })
      return encode(proposalPageSchema, { proposals: page.items, ...(page.next !== undefined && { next: page.next }) })
    })

    link.onRequest(syncProtocol, (body) => {
      const request = decode(syncRequestSchema, body)
      switch (request.kind) {
        case 'join': {
          const joined = followers.has(link) || followers.size < maxFollowers
          if (joined && !followers.has(link)) followers.set(link, createPusher(link))
          return encode(joinAnswerSchema, { joined })
        }
        case 'digests': {
          const { after } = request
          const page = keeper.digests({ maxItems: maxDigestsPerMessage, ...(after !== undefined && { after }) })
          return encode(digestPageSchema, {
            digests: page.items,
            ...(page.next !== undefined && { next: page.next }),
          })
        }
        case 'records':
          return encode(proposalPageSchema, {
            proposals: request.keys.flatMap((key) => keeper.get(key) ?? []),
          })
      }
    })
    void link.closed.then(() => followers.delete(link))
  }

  async function meet(): Promise<void> {
    const found = await node.lookup(topic).catch(() => [])
    const own = toHex(node.publicKey)
    const candidates = shuffled([...known, ...found], random).filter((key) => toHex(key) !== own)
    const worker = async (): Promise<void> => {
      for (let key = candidates.shift(); key !== undefined; key = candidates.shift()) {
        if (closed || neighbours.size >= maxNeighbours) return
        if (!neighbours.has(toHex(key))) await befriend(key).catch(() => {}) // gone or full: the next one
      }
    }
    await Promise.all(Array.from({ length: dialsAtOnce }, worker))
  }

  async function befriend(key: Uint8Array): Promise<void> {
    const wait = deadline(clock, dialTimeoutMs)
    const link = await node.connect(key, { signal: wait.signal, setup: serve }).finally(wait.stop)
    if (closed || neighbours.size >= maxNeighbours || neighbours.has(toHex(key))) {
      await link.close('not-needed')
      return
    }
    const neighbour = { link, pusher: createPusher(link), stopTimer: (): void => {} }
    neighbours.set(toHex(key), neighbour)
    void link.closed.then(() => {
      neighbour.stopTimer()
      neighbours.delete(toHex(key))
    })
    const reconcile = async (): Promise<void> => {
      try {
        await fetchMissing(link, keeper, (signed) => take(signed, neighbourSource(link), link))
      } catch (error) {
        if (error instanceof Fault && error.code === 'proposals-invalid') return link.close('proposals-invalid')
        // otherwise slow or busy: the next round tries again
      }
      if (!closed) neighbour.stopTimer = clock.after(jitter(reconcileIntervalMs), () => void reconcile())
    }
    await link.request(syncProtocol, encode(syncRequestSchema, { kind: 'join' })).catch(() => {})
    await reconcile()
  }

  /** Spread, so that nodes that started together do not all call at once. */
  const jitter = (ms: number): number => ms * (0.75 + random() / 2)

  const meetLater = (): void => {
    stopMeeting = clock.after(jitter(meetIntervalMs), () => {
      keeper.sweep()
      void meet().then(() => {
        if (!closed) meetLater()
      })
    })
  }

  node.onLink(serve)
  return {
    proposals: keeper,
    publish: (signed) => take(signed),
    meet,
    get neighbours() {
      return neighbours.size
    },
    get followers() {
      return followers.size
    },
    async start() {
      announcement = await node.announce(topic)
      await meet()
      if (!closed) meetLater()
    },
    async close() {
      closed = true
      stopMeeting()
      await announcement?.close()
      await Promise.all([...neighbours.values()].map(({ link }) => link.close('node-closed')))
    },
  }
}

export const topicOf = (crypto: Crypto, networkId: string): Uint8Array =>
  crypto.keccak256(new TextEncoder().encode(topicText(networkId)))

const neighbourSource = (link: Link): Source => ({ name: toHex(link.remoteKey), maxRecords: maxRecordsPerNeighbour })

/** IPv4 /24, IPv6 /48. */
const prefixOf = (host: string): string =>
  host.includes(':') ? host.split(':').slice(0, 3).join(':') : host.split('.').slice(0, 3).join('.')

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const deck = [...items]
  for (let index = deck.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1))
    ;[deck[index], deck[other]] = [deck[other]!, deck[index]!]
  }
  return deck
}
