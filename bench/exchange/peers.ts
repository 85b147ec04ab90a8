/**
 * What checking one voucher costs in other payment-channel libraries: `bench/peers`, with dependencies of its own.
 *
 * @module
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { endProcess } from '@myst/devnet'

export interface Peer {
  readonly name: string
  /** Checks a second, on one core. */
  readonly perSecond?: number
  /** Why there is no figure. */
  readonly missing?: string
}

export interface Peers extends AsyncDisposable {
  measure(): Promise<readonly Peer[]>
}

const folder = fileURLToPath(new URL('../peers/', import.meta.url))

export function openPeers(): Peers {
  if (!existsSync(`${folder}node_modules`)) {
    const missing = 'not installed; npm ci --ignore-scripts in bench/peers does that'
    const names = ['@x402/evm 2.27.0', 'mppx 0.11.0']
    return { measure: async () => names.map((name) => ({ name, missing })), [Symbol.asyncDispose]: async () => {} }
  }
  const child = fork(`${folder}measure.mjs`, [], { serialization: 'advanced' })
  return {
    async measure() {
      const answered = once(child, 'message')
      child.send('measure')
      const [found] = await answered
      return found as readonly Peer[]
    },
    [Symbol.asyncDispose]: () => endProcess(child),
  }
}
