/**
 * What must hold of a ledger after any crash of `exchanging.fixture.ts`.
 *
 * @module
 */

import { referenceCrypto } from '@myst/protocol'
import type { LedgerStore } from '@myst/store'
import { expect } from 'vitest'
import { amountAt, providers } from './exchanging.fixture.ts'
import { bytesOf, openTestLedger } from './testing.ts'
import { verifyLog } from './verify-log.ts'

/** Numbers in [0, 1) that a seed gives again: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Reads the fixture's lines: the newest answered epoch of each provider. */
export function countAnswers(answered: bigint[], text: string): void {
  for (const [, provider, epoch] of text.matchAll(/^(\d+) (\d+)$/gm))
    answered[Number(provider)] = BigInt(epoch as string)
}

/**
 * Every answered batch is there, at most the one batch beyond it that was under way, each credited once, and, where it is
 * replayed, the log leads to exactly this.
 *
 * @returns the newest durable epoch of each provider: what it learns when it asks again.
 */
export async function mustHold(
  open: () => LedgerStore,
  answered: readonly bigint[],
  { replay }: { readonly replay: boolean },
): Promise<bigint[]> {
  const store = open()
  try {
    const ledger = await openTestLedger(store)
    const durable: bigint[] = []
    for (const [number, provider] of providers.entries()) {
      const promise = ledger.get('providers', provider)?.promise ?? { epoch: 0n, amount: 0n }
      const beyond = promise.epoch - (answered[number] ?? 0n)
      expect(beyond === 0n || beyond === 1n, `provider ${number} is ${beyond} beyond its answer`).toBe(true)
      expect(promise.amount).toBe(amountAt(promise.epoch))
      durable.push(promise.epoch)
    }
    expect(BigInt(ledger.get('totals', 'all')?.batches ?? 0)).toBe(durable.reduce((sum, epoch) => sum + epoch, 0n))
    if (!replay) return durable
    const { state } = await verifyLog(store, referenceCrypto)
    expect(bytesOf(state)).toEqual(bytesOf(ledger))
    return durable
  } finally {
    await store.close()
  }
}
