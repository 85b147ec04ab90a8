/**
 * Traffic: a tunnel driver that moves no bytes and counts them all the same, at a rate, while it is open and not paused.
 *
 * Both ends read one meter; the consumer's shows a little less, what is on its way. The meter is the oracle's too.
 *
 * @module
 */

import { fromHex, toHex, type Usage } from '@myst/protocol'
import type { ConsumerDriver, Offer } from '@myst/vpn'
import type { VirtualTime } from './virtual-time.ts'

/** One tunnel, as it really was. */
export interface Meter {
  readonly openedAtMs: number
  bytes(): bigint
  /** What was served, by the provider's clock. */
  usage(): Usage
  readonly isOpen: boolean
}

export interface Tunnels {
  /** Bytes a second of each tunnel that opens from now on. */
  rate: number
  offer(): Offer
  driver(): ConsumerDriver
  /** By the parameters that travelled in the accept. */
  meterOf(parameters: Uint8Array): Meter | undefined
}

/** The consumer sees what the provider sent so long ago. */
const underwayMs = 20

export function createTunnels(time: VirtualTime): Tunnels {
  const meters = new Map<string, Meter>()
  let opened = 0
  const tunnels: Tunnels = {
    rate: 5_000_000,
    meterOf: (parameters) => meters.get(toHex(parameters)),
    offer: () => ({
      async accept() {
        opened += 1
        const parameters = fromHex(`0x${opened.toString(16).padStart(8, '0')}`)
        const openedAtMs = time.nowMs
        const { rate } = tunnels
        // A process that dies forwards nothing any more.
        const owner = time.process
        const nowMs = () => Math.min(time.nowMs, owner.diedAtMs ?? Number.POSITIVE_INFINITY)
        let servedMs = 0
        let runningSinceMs: number | undefined = openedAtMs
        let closedAtMs: number | undefined
        const stop = () => {
          if (runningSinceMs !== undefined) servedMs += nowMs() - runningSinceMs
          runningSinceMs = undefined
        }
        const bytes = () => {
          const running = runningSinceMs === undefined ? 0 : nowMs() - runningSinceMs
          return BigInt(Math.floor(((servedMs + running) * rate) / 1000))
        }
        const meter: Meter = {
          openedAtMs,
          bytes,
          usage: () => ({ durationMs: BigInt((closedAtMs ?? nowMs()) - openedAtMs), bytes: bytes() }),
          get isOpen() {
            return closedAtMs === undefined && owner.alive
          },
        }
        meters.set(toHex(parameters), meter)
        return {
          parameters,
          stats: () => ({ sentBytes: 0n, receivedBytes: bytes() }),
          async pause() {
            stop()
          },
          async resume() {
            if (closedAtMs === undefined) runningSinceMs ??= time.nowMs
          },
          async close() {
            stop()
            closedAtMs ??= time.nowMs
          },
        }
      },
      async close() {},
    }),
    driver: () => ({
      serviceType: 'proxy',
      prepare: async () => ({
        parameters: new Uint8Array(),
        open: async (parameters) => {
          const late = BigInt(Math.floor((tunnels.rate * underwayMs) / 1000))
          const meter = meters.get(toHex(parameters))
          const receivedBytes = () => {
            const all = meter?.bytes() ?? 0n
            return all > late ? all - late : 0n
          }
          return {
            description: 'a tunnel',
            stats: () => ({ sentBytes: 0n, receivedBytes: receivedBytes() }),
            async close() {},
          }
        },
        async close() {},
      }),
    }),
  }
  return tunnels
}
