/**
 * Reverts: who made us pay for nothing. Two in a day, each after a simulation that was good, close an identity for a day.
 *
 * Durable, so that a restart forgives nobody. Each entry has cost gas, and the gas lost in a day is bounded: so is this.
 *
 * @module
 */

import { type Address, field, list, message, uint } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

export interface Reverts {
  /** Until when an identity is closed; undefined where it is not. */
  closedUntilMs(identity: Address): number | undefined
  /** @returns what makes it durable, for the commit of the outcome. */
  add(identity: Address): readonly RecordWrite[]
}

/** One may be bad luck: the state changed between the simulation and the block. */
const maxReverts = 2
/** From the second revert on; a single one is forgotten after as long. */
const closedMs = 86_400_000
const revertTable = table('reverts', message({ atMs: field(0, list(uint(53), maxReverts)) }))

export function createReverts(store: RecordStore, now: () => number): Reverts {
  const known = revertTable.load(store)
  const isOver = ({ atMs }: { readonly atMs: readonly bigint[] }) => Number(atMs.at(-1) ?? 0n) + closedMs <= now()
  return {
    closedUntilMs(identity) {
      const record = known.get(identity)
      if (record === undefined || record.atMs.length < maxReverts || isOver(record)) return undefined
      return Number(record.atMs.at(-1)) + closedMs
    },
    add(identity) {
      const over = [...known].filter(([, record]) => isOver(record)).map(([who]) => who)
      for (const who of over) known.delete(who)
      const recent = (known.get(identity)?.atMs ?? []).filter((atMs) => Number(atMs) + closedMs > now())
      const record = { atMs: [...recent, BigInt(now())].slice(-maxReverts) }
      known.set(identity, record)
      return [...over.map((who) => revertTable.remove(who)), revertTable.put(identity, record)]
    },
  }
}
