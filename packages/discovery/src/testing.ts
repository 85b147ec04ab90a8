/**
 * For this package's tests: identities, proposals and a clock that stands still until it is moved.
 *
 * @module
 */

import { type Proposal, referenceCrypto, type SignedProposal, signProposal, toHex } from '@myst/protocol'
import type { Clock } from './clock.ts'

export const crypto = referenceCrypto
export const networkId = 'devnet'
export const startMs = 1_800_000_000_000

export interface Identity {
  readonly privateKey: Uint8Array
  readonly address: Proposal['provider']
}

export function identity(number: number): Identity {
  const privateKey = crypto.keccak256(new TextEncoder().encode(`provider ${number}`))
  return { privateKey, address: crypto.addressOf(privateKey) }
}

export const bob = identity(1)

export function offer(by: Identity, changes: Partial<Proposal> = {}): SignedProposal {
  const proposal: Proposal = {
    networkId,
    provider: by.address,
    transportKey: crypto.keccak256(by.privateKey),
    serviceType: 'wireguard',
    serviceVersion: 1,
    location: { country: 'DE' },
    price: { perHour: 10n, perGib: 20n },
    accountants: [],
    seq: 1n,
    expiresAtMs: BigInt(startMs + 90 * 60_000),
    ...changes,
  }
  return signProposal(crypto, proposal, by.privateKey)
}

export interface TestClock extends Clock {
  advance(ms: number): void
}

export function testClock(): TestClock {
  let nowMs = startMs
  const timers = new Set<{ readonly atMs: number; readonly act: () => void }>()
  return {
    nowMs: () => nowMs,
    after(delayMs, act) {
      const timer = { atMs: nowMs + Math.ceil(delayMs), act }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        timers.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.act()
      }
      nowMs = untilMs
    },
  }
}

export const hexOf = (signed: SignedProposal): string => toHex(signed.content)
