/**
 * Several transactors: those that the profile names, in its order, and the node's own wallet as the last.
 *
 * @module
 */

import { assert, Fault } from '@myst/protocol'
import type { TransactorClient } from './transactor-client.ts'

/**
 * Asks one after the other, until one does it. What is signed for one of them no other can use.
 *
 * @throws what the first one threw: it is who was chosen.
 */
export async function withAny<T>(
  transactors: readonly TransactorClient[],
  log: (line: string) => void,
  ask: (transactor: TransactorClient) => Promise<T>,
): Promise<T> {
  let first: Fault | undefined
  for (const [at, transactor] of transactors.entries()) {
    try {
      return await ask(transactor)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      first ??= fault
      if (at + 1 < transactors.length) log(`transactor ${transactor.name}: ${fault.message}; asking the next`)
    }
  }
  assert(first !== undefined, 'a node has its own wallet at least')
  throw first
}
