/**
 * Endpoints: several RPC endpoints of one chain, none of which is believed alone.
 *
 * What one says is compared with what the others say by whoever asks. One that is away, or serves another chain, is told of and
 * left out for a while, and the rest goes on; where all are away there is no answer. With a single endpoint, its word is all
 * there is.
 *
 * @module
 */

import { assert, Fault } from '@myst/protocol'
import { type ChainClient, openChain, reach } from './chain-client.ts'

export interface Answer<T> {
  readonly client: ChainClient
  readonly value: T
}

/** Of each endpoint that answers; at least one. */
export type Answers<T> = readonly [Answer<T>, ...Answer<T>[]]

export interface Endpoints {
  readonly chainId: bigint
  readonly pollingMs: number
  /** All of them, there or not. */
  readonly size: number
  /**
   * Asks all that are there, each of which says which chain it serves.
   *
   * @throws Fault `chain-unreachable`, `chain-wrong-id`: of the first, where none answers. Other faults of `what`.
   */
  ask<T>(what: (client: ChainClient) => Promise<T>): Promise<Answers<T>>
  /**
   * What all that answer say.
   *
   * @param about for the fault: what was asked.
   * @throws Fault `chain-disagrees` where they say different things.
   */
  agree<T>(about: string, what: (client: ChainClient) => Promise<T>): Promise<T>
  /** One that answers what can't be so now: as if it were away. */
  leaveOut(client: ChainClient, why: string): void
  /** Says that they disagree. @returns the fault, for who has to stop. */
  disagree(about: string, facts?: Fault['facts']): Fault
  health(): EndpointsHealth
}

export interface EndpointsHealth {
  /** Left out just now. */
  readonly away: number
  /** How often two said different things of what can't be both, since the start. */
  readonly disagreements: number
}

/** Each is asked everything: more would cost more than they protect. */
const maxEndpoints = 3
/** One that was away is asked again after so many polling intervals … */
const awayLooks = 10
/** … or after so many times what it took to find out: one that hangs holds the others up for a fifth of the time at most. */
const awayTimes = 4

/** @returns clients of the first three. */
export const openChains = (
  rpcUrls: readonly string[],
  options: { readonly chainId: bigint; readonly pollingMs: number },
): readonly ChainClient[] => rpcUrls.slice(0, maxEndpoints).map((rpcUrl) => openChain({ rpcUrl, ...options }))

/** @param onFault hears of those that are left out while others answer. */
export function createEndpoints(
  clients: readonly ChainClient[],
  { onFault }: { readonly onFault: (fault: Fault) => void },
): Endpoints {
  const [first] = clients
  assert(first !== undefined, 'no endpoint')
  const { chainId } = first
  const pollingMs = first.rpc.pollingInterval
  /** By `performance.now`. */
  const awayUntilMs = new Map<ChainClient, number>()
  let disagreements = 0

  const isThere = (client: ChainClient) => (awayUntilMs.get(client) ?? 0) <= performance.now()

  async function askOne<T>(client: ChainClient, what: (client: ChainClient) => Promise<T>): Promise<T> {
    const { rpc, rpcUrl } = client
    // In one HTTP request with what is asked.
    const [served, answer] = await Promise.allSettled([
      reach(rpcUrl, async () => BigInt(await rpc.getChainId())),
      what(client),
    ])
    if (served.status === 'rejected') throw served.reason
    if (served.value !== chainId) throw new Fault('chain-wrong-id', { rpcUrl, expected: chainId, served: served.value })
    if (answer.status === 'rejected') throw answer.reason
    return answer.value
  }

  async function askEach<T>(some: readonly ChainClient[], what: (client: ChainClient) => Promise<T>) {
    const sinceMs = performance.now()
    const faults: { readonly client: ChainClient; readonly fault: Fault; readonly tookMs: number }[] = []
    const answers = await Promise.all(
      some.map(async (client): Promise<readonly Answer<T>[]> => {
        try {
          return [{ client, value: await askOne(client, what) }]
        } catch (fault) {
          if (!(fault instanceof Fault) || !isAway.has(fault.code)) throw fault
          faults.push({ client, fault, tookMs: performance.now() - sinceMs })
          return []
        }
      }),
    )
    for (const { client, tookMs } of faults) {
      awayUntilMs.set(client, performance.now() + Math.max(awayLooks * pollingMs, awayTimes * tookMs))
    }
    return { answers: answers.flat(), faults: faults.map(({ fault }) => fault) }
  }

  async function ask<T>(what: (client: ChainClient) => Promise<T>): Promise<Answers<T>> {
    const there = clients.filter(isThere)
    const others = clients.filter((client) => !there.includes(client))
    const now = await askEach(there, what)
    const later = now.answers.length > 0 ? undefined : await askEach(others, what)
    const [one, ...more] = later?.answers ?? now.answers
    const faults = [...now.faults, ...(later?.faults ?? [])]
    if (one === undefined) throw faults[0]
    for (const fault of faults) onFault(fault)
    return [one, ...more]
  }

  function disagree(about: string, facts: Fault['facts'] = {}): Fault {
    disagreements++
    return new Fault('chain-disagrees', { about, ...facts })
  }

  return {
    chainId,
    pollingMs,
    size: clients.length,
    ask,
    async agree(about, what) {
      const [{ client, value }, ...others] = await ask(what)
      const other = others.find((one) => wordsOf(one.value) !== wordsOf(value))
      if (other === undefined) return value
      throw disagree(about, { [client.rpcUrl]: wordsOf(value), [other.client.rpcUrl]: wordsOf(other.value) })
    },
    leaveOut(client, why) {
      if (isThere(client)) onFault(new Fault('chain-unreachable', { rpcUrl: client.rpcUrl, why }))
      awayUntilMs.set(client, performance.now() + awayLooks * pollingMs)
    },
    disagree,
    health: () => ({ away: clients.filter((client) => !isThere(client)).length, disagreements }),
  }
}

const isAway: ReadonlySet<string> = new Set(['chain-unreachable', 'chain-wrong-id'])

/** Faults that pass by themselves, or when a person sets the endpoints, or a signer, right. */
export const isWaitedOut = (fault: unknown): fault is Fault =>
  fault instanceof Fault && (isAway.has(fault.code) || otherWaits.has(fault.code))

const otherWaits: ReadonlySet<string> = new Set(['chain-disagrees', 'signer-unreachable', 'signer-wrong'])

const wordsOf = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? 'nothing'
