/**
 * Tells the ledger how much time passed, and has it forget what is too old, a little at a time.
 *
 * Time is measured by a clock that nobody sets. A round looks at all channels, agreements and locks; between two parts of it
 * others have their turn, and what it found is looked at again in the ledger's step.
 *
 * @module
 */

import type { Address, Bytes32, Fault } from '@myst/protocol'
import {
  type CommandOf,
  isAgreementOld,
  isLockOld,
  type Ledger,
  maxAged,
  maxAgeStepMs,
  raisedFloor,
  type TableName,
} from './ledger/index.ts'
import { createRounds, tell } from './rounds.ts'

export interface Ager {
  /** Time that passed is told, and one round made, now. */
  round(): Promise<void>
  /** Of the last round. */
  readonly agreements: number
  readonly locks: number
  /** Forgotten since the start of the process. */
  readonly forgotten: number
  close(): Promise<void>
}

export interface AgerDeps {
  readonly ledger: Ledger
  /** Since any start, and never set: ms. */
  readonly elapsedMs: () => number
  readonly onFault: (fault: Fault) => void
}

/** Looked at in one turn of the event loop: a millisecond or two. */
const maxLooked = 2000

export function createAger({ ledger, elapsedMs, onFault }: AgerDeps, { everyMs }: { readonly everyMs: number }): Ager {
  let toldAtMs = elapsedMs()
  let forgotten = 0
  const counted = { agreements: 0, locks: 0 }
  let closing = false

  const apply = (of: Partial<CommandOf<'age'>>) =>
    ledger.apply({ kind: 'age', elapsedMs: 0, channels: [], agreements: [], locks: [], ...of })

  /** What passed while the ledger could not be told is lost beyond one step: promises are old a little later then. */
  async function tellTime(): Promise<void> {
    const nowMs = elapsedMs()
    await apply({ elapsedMs: Math.max(0, Math.min(maxAgeStepMs, Math.trunc(nowMs - toldAtMs))) })
    toldAtMs = nowMs
  }

  /** @returns how many records the table has. */
  async function sweep(table: TableName, isDue: (key: string) => boolean, act: (keys: string[]) => Promise<void>) {
    let due: string[] = []
    let seen = 0
    for (const [key] of ledger.entries(table)) {
      seen += 1
      if (isDue(key)) due.push(key)
      if (due.length === maxAged) {
        await act(due)
        due = []
      }
      if (seen % maxLooked === 0) await new Promise((resolve) => setImmediate(resolve))
      if (closing) break
    }
    if (due.length > 0) await act(due)
    return seen
  }

  async function forget(of: Partial<CommandOf<'age'>>): Promise<void> {
    const { agreements, locks } = await apply(of)
    forgotten += agreements + locks
  }

  async function round(): Promise<void> {
    await tellTime()
    await sweep(
      'channels',
      (key) => raisedFloor(ledger, key) !== undefined,
      (keys) => forget({ channels: keys as Address[] }),
    )
    counted.agreements = await sweep(
      'agreements',
      (key) => isAgreementOld(ledger, key.slice(0, key.indexOf('/')), key),
      (keys) => forget({ agreements: keys.map(agreementOf) }),
    )
    counted.locks = await sweep(
      'locks',
      (key) => isLockOld(ledger, key),
      (keys) => forget({ locks: keys as Bytes32[] }),
    )
  }
  const rounds = createRounds(round, everyMs, onFault)

  return {
    round: () => rounds.inTurn(() => tell(round(), onFault)),
    get agreements() {
      return counted.agreements
    },
    get locks() {
      return counted.locks
    },
    get forgotten() {
      return forgotten
    },
    close() {
      closing = true
      return rounds.close()
    },
  }
}

function agreementOf(key: string): CommandOf<'age'>['agreements'][number] {
  const [channel, provider, id] = key.split('/') as [Address, Address, Bytes32]
  return { channel, provider, id }
}
