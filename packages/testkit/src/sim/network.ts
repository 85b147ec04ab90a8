/**
 * The network: links between nodes and calls to the accountant, with its weather: loss, delay, reordering, repetition,
 * partitions, and peers that are gone without a word.
 *
 * @module
 */

import type { Link, LinkNode, RequestHandler } from '@myst/link'
import { Fault, toHex } from '@myst/protocol'
import type { Random } from './random.ts'
import { nature, type Process, type VirtualTime } from './virtual-time.ts'

export interface Weather {
  loss: number
  duplication: number
  leastDelayMs: number
  mostDelayMs: number
  /** Names of parties that nothing reaches, and from whom nothing comes. */
  readonly cutOff: Set<string>
}

export const fairWeather = (): Weather => ({
  loss: 0,
  duplication: 0,
  leastDelayMs: 10,
  mostDelayMs: 40,
  cutOff: new Set(),
})

/** Somebody outside who reads along. */
export type Witness = (from: Process, to: Process, protocol: string, body: Uint8Array) => void

export interface Network {
  readonly weather: Weather
  node(process: Process, key: Uint8Array, host: string): LinkNode
  /** A request to a server and its answer: either may be lost, the request may come twice. */
  call<T>(from: Process, to: () => Process | undefined, serve: () => Promise<T> | T): Promise<T>
}

interface End {
  readonly link: Link
  readonly process: Process
  serve(protocol: string, body: Uint8Array): Promise<Uint8Array>
  gone(reason: string): void
}

/** As real links and the accountant's real client have it. */
const requestTimeoutMs = 10_000
/** A peer that is gone without a word is missed after this long. */
const missedAfterMs = 5_000

export function createNetwork(time: VirtualTime, random: Random, witness: Witness): Network {
  const weather = fairWeather()
  const listening = new Map<string, { process: Process; host: string; onLink: (link: Link) => void }>()

  function arrives(from: Process, to: Process): boolean {
    if (weather.cutOff.has(from.name) || weather.cutOff.has(to.name)) return false
    return !random.chance(weather.loss)
  }
  const delayMs = () => random.between(weather.leastDelayMs, weather.mostDelayMs)

  function carry(from: Process, to: Process, work: () => unknown): void {
    if (!from.alive || !arrives(from, to)) return
    time.after(delayMs(), to, work)
  }

  /** Asks, and waits for the answer as long as it may take. */
  function ask<T>(
    from: Process,
    timeoutMs: number,
    late: string,
    send: (answer: (settled: PromiseSettledResult<T>) => void) => void,
    signal?: AbortSignal,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const timer = time.after(timeoutMs, from, () => reject(new Fault(late)))
      const abort = () => reject(signal?.reason)
      signal?.addEventListener('abort', abort)
      send((settled) => {
        timer.cancelled = true
        signal?.removeEventListener('abort', abort)
        if (settled.status === 'fulfilled') resolve(settled.value)
        else reject(settled.reason)
      })
    })
  }

  async function settle<T>(work: () => Promise<T> | T): Promise<PromiseSettledResult<T>> {
    try {
      return { status: 'fulfilled', value: await work() }
    } catch (reason) {
      return { status: 'rejected', reason }
    }
  }

  function makeEnd(process: Process, remoteHost: string, hash: Uint8Array, other: () => End): End {
    const handlers = new Map<string, RequestHandler>()
    const closed = Promise.withResolvers<string>()
    const waiting = new Set<(fault: Fault) => void>()
    let open = true
    function gone(reason: string): void {
      if (!open) return
      open = false
      closed.resolve(reason)
      for (const fail of waiting) fail(new Fault('link-closed', { reason }))
    }
    const link: Link = {
      localKey: hash,
      remoteKey: hash,
      remoteEndpoint: { host: remoteHost, port: 4040 },
      handshakeHash: hash,
      relayed: false,
      maxDatagramBytes: 1200,
      closed: closed.promise,
      request(protocol, body, { timeoutMs = requestTimeoutMs, signal } = {}) {
        if (!open) return Promise.reject(new Fault('link-closed'))
        if (!process.alive) return new Promise(() => {})
        const peer = other()
        witness(process, peer.process, protocol, body)
        return ask<Uint8Array>(
          process,
          timeoutMs,
          'request-timeout',
          (answer) => {
            const fail = (reason: Fault) => answer({ status: 'rejected', reason })
            waiting.add(fail)
            carry(process, peer.process, async () => {
              const settled = await settle(() => peer.serve(protocol, body))
              if (!peer.process.alive) return
              if (settled.status === 'fulfilled') witness(peer.process, process, `${protocol} answer`, settled.value)
              carry(peer.process, process, () => {
                waiting.delete(fail)
                answer(settled)
              })
            })
          },
          signal,
        )
      },
      onRequest: (protocol, handler) => void handlers.set(protocol, handler),
      openStream: () => Promise.reject(new Fault('link-closed')),
      onStream() {},
      sendDatagram: () => false,
      onDatagram() {},
      async close(reason = 'closed') {
        if (!open) return
        gone(reason)
        const peer = other()
        // Where the word does not get through, it is missed in the end.
        const told = process.alive && arrives(process, peer.process)
        time.after(told ? delayMs() : missedAfterMs, peer.process, () => peer.gone(reason))
      },
    }
    return {
      link,
      process,
      gone,
      async serve(protocol, body) {
        const handler = open ? handlers.get(protocol) : undefined
        if (handler === undefined) throw new Fault(open ? 'protocol-unknown' : 'link-closed')
        return handler(body)
      },
    }
  }

  /** A process that died says nothing; who is linked to it finds out. */
  const linked = new Set<readonly [End, End]>()
  let looking = false
  function watchLife(one: End, two: End): void {
    const ends = [one, two] as const
    linked.add(ends)
    void one.link.closed.then(() => linked.delete(ends))
    if (looking) return
    looking = true
    const look = () => {
      for (const both of linked) {
        if (both.every(({ process }) => process.alive)) continue
        linked.delete(both)
        for (const end of both) time.after(0, end.process, () => end.gone('peer-lost'))
      }
      time.after(missedAfterMs, nature, look)
    }
    time.after(missedAfterMs, nature, look)
  }

  return {
    weather,
    node: (process, key, host) => ({
      publicKey: key,
      async listen() {},
      onLink: (onLink) => void listening.set(toHex(key), { process, host, onLink }),
      async connect(to, { setup, signal } = {}) {
        const peer = listening.get(toHex(to))
        await new Promise<void>((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason)
          signal?.addEventListener('abort', () => reject(signal.reason))
          time.after(2 * delayMs(), process, () => {
            if (peer?.process.alive && arrives(process, peer.process)) resolve()
            else reject(new Fault('peer-unreachable'))
          })
        })
        const found = peer as NonNullable<typeof peer>
        const hash = random.bytes(32)
        const ours: End = makeEnd(process, found.host, hash, () => theirs)
        const theirs: End = makeEnd(found.process, host, hash, () => ours)
        watchLife(ours, theirs)
        setup?.(ours.link)
        time.after(0, found.process, () => found.onLink(theirs.link))
        // Its first message is handled after the other side's handlers are there.
        await new Promise<void>((resolve) => time.after(delayMs(), process, resolve))
        return ours.link
      },
      announce: () => Promise.reject(new Fault('network-unreachable')),
      lookup: async () => [],
      reflexive: () => undefined,
      async close() {},
    }),
    call(from, to, serve) {
      if (!from.alive) return new Promise(() => {})
      return ask(from, requestTimeoutMs, 'accountant-unreachable', (answer) => {
        const copies = random.chance(weather.duplication) ? 2 : 1
        const server = to()
        if (server === undefined) return
        for (let copy = 0; copy < copies; copy++) {
          carry(from, server, async () => {
            const settled = await settle(serve)
            carry(server, from, () => answer(settled))
          })
        }
      })
    },
  }
}
