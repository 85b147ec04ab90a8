/**
 * Exchanges batches against a ledger on SQLite, and says on stdout what was answered: `node exchanging.fixture.ts <path>
 * <batches of each provider> <openings>`. Each line is a provider's number and the epoch that was answered, or `stopped` and
 * why; who reads it has been told, as a provider would be. Or it says that a checkpoint begins, and that it is durable.
 *
 * @module
 */

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, Fault, toHex, uintToBytes } from '@myst/protocol'
import { type LedgerStore, openSqliteLedgerThread } from '@myst/store'
import type { CommandOf } from './commands.ts'
import type { Ledger } from './ledger.ts'
import { commandOf, item, lockOf, openTestLedger, preimageOf } from './testing.ts'

export const providers = [1, 2, 3, 4].map((number) => addressOf(number))
export const step = 10n
const itemsEach = 2
/** So that one is under way at most times. */
const checkpointBytes = 4096
/** Longer than a test keeps the disk full; a disk that failed for good ends the process. */
const maxRetries = 400

function addressOf(number: number): Address {
  return toHex(uintToBytes(BigInt(number), 20)) as Address
}

/** What the ledger promises a provider after so many epochs; each batch adds the same. */
export const amountAt = (epoch: bigint): bigint => step * BigInt(itemsEach) * epoch

export function batchAt(provider: Address, epoch: bigint): CommandOf<'exchange'> {
  const number = providers.indexOf(provider) + 1
  const lock = lockOf(provider, epoch)
  return commandOf({
    provider,
    epoch,
    hashlock: lock,
    previousAmount: amountAt(epoch - 1n),
    ...(epoch === 1n ? {} : { lastPreimage: preimageOf(provider, epoch - 1n) }),
    items: Array.from({ length: itemsEach }, (_, index) =>
      item({ consumer: addressOf(100 * number + index), provider, amount: step * epoch, lock }),
    ),
  })
}

async function exchangeAll(ledger: Ledger, provider: Address, batches: number): Promise<void> {
  const first = (ledger.get('providers', provider)?.promise.epoch ?? 0n) + 1n
  for (let epoch = first; epoch < first + BigInt(batches); epoch++) await exchange(ledger, provider, epoch)
}

async function exchange(ledger: Ledger, provider: Address, epoch: bigint): Promise<void> {
  const number = providers.indexOf(provider)
  for (let tries = 0; tries < maxRetries; tries++) {
    try {
      const { kind } = await ledger.apply(batchAt(provider, epoch))
      writeSync(1, `${kind === 'answered' ? number : `${number} ${kind}`} ${epoch}\n`)
      return
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      writeSync(1, `stopped ${fault.facts.why}\n`)
      if (fault.facts.why !== 'store-full' && tries > 3) process.exit(1)
      await sleep(2)
    }
  }
}

async function openTelling(path: string): Promise<LedgerStore> {
  const store = await openSqliteLedgerThread(path)
  return {
    ...store,
    async save(parts) {
      writeSync(1, 'saving\n')
      await store.save(parts)
      writeSync(1, 'saved\n')
    },
  }
}

if (import.meta.main) {
  const [path = '', batches = '1', openings = '1'] = process.argv.slice(2)
  for (let opening = 0; opening < Number(openings); opening++) {
    const ledger = await openTestLedger(await openTelling(path), { checkpointBytes })
    await Promise.all(providers.map((provider) => exchangeAll(ledger, provider, Number(batches))))
    await ledger.close()
  }
}
