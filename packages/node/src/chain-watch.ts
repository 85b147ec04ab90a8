/**
 * A node starts while its chain is away, and says so until the chain is back (W21).
 *
 * @module
 */

import { type ChainClient, openChain, reach } from '@myst/chain'
import { Fault } from '@myst/protocol'

export interface WatchedChain {
  readonly client: ChainClient
  /** Why nothing of the chain can be relied on. */
  readonly problem: Fault | undefined
  close(): void
}

/** A chain that is back is seen so late at most; a question is one call. */
const againMs = 2_000

/** @throws Fault `chain-wrong-id` where it answers, and is another. */
export async function watchChain(
  place: { readonly rpcUrl: string; readonly chainId: bigint },
  onChange: () => void,
  log: (line: string) => void,
): Promise<WatchedChain> {
  const client = openChain(place)
  const { rpcUrl, chainId } = place
  let problem: Fault | undefined
  let timer: NodeJS.Timeout | undefined

  async function ask(): Promise<void> {
    const served = await reach(rpcUrl, async () => BigInt(await client.rpc.getChainId()))
    if (served !== chainId) throw new Fault('chain-wrong-id', { rpcUrl, expected: chainId, served })
  }

  async function askAgain(): Promise<void> {
    try {
      await ask()
      problem = undefined
      log(`the chain at ${rpcUrl} is back`)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      if (fault.code !== problem?.code) log(fault.message)
      problem = fault
      timer = setTimeout(() => void askAgain(), againMs)
    }
    onChange()
  }

  try {
    await ask()
  } catch (fault) {
    if (!(fault instanceof Fault) || fault.code !== 'chain-unreachable') throw fault
    log(`${fault.message}; the node runs without it, and asks again`)
    problem = fault
    timer = setTimeout(() => void askAgain(), againMs)
  }
  return {
    client,
    get problem() {
      return problem
    },
    close: () => clearTimeout(timer),
  }
}
