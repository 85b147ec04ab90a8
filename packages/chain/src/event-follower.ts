/**
 * Follows the events of a contract, or of any, at a confirmation depth: each block range once, in order, resumable.
 *
 * @module
 */

import { type Address, Fault } from '@myst/protocol'
import type { Abi, ContractEventName, Log } from 'viem'
import { type ChainClient, reach } from './chain-client.ts'

export interface FollowOptions<A extends Abi, N extends ContractEventName<A>> {
  /** Absent: whichever contract they are of; only the event's shape counts, so anybody can make one. */
  readonly address?: Address
  readonly abi: A
  readonly event: N
  readonly depth: number
  readonly fromBlock: bigint
  readonly pollingMs: number
  /** Called with each range's events, also when there are none: `nextBlock` is where to resume. */
  onEvents(events: readonly EventOf<A, N>[], nextBlock: bigint): Promise<void>
  onFault?(fault: Fault): void
}

/** More blocks at once than this, and public RPC endpoints refuse the query. */
const maxRange = 2_000n

type EventOf<A extends Abi, N extends ContractEventName<A>> = Log<bigint, number, false, undefined, true, A, N>

/**
 * Events of a range of blocks, in order, in as many parts as nodes ask for.
 *
 * @throws Fault `chain-unreachable`.
 */
export async function* readEvents<const A extends Abi, N extends ContractEventName<A>>(
  { rpc, rpcUrl }: ChainClient,
  options: Pick<FollowOptions<A, N>, 'address' | 'abi' | 'fromBlock'> & {
    /** Absent: all that the ABI knows. */
    readonly event?: N
    readonly toBlock: bigint
  },
): AsyncGenerator<{ readonly events: readonly EventOf<A, N>[]; readonly nextBlock: bigint }> {
  const { address, abi, event, toBlock: last } = options
  for (let next = options.fromBlock; next <= last; ) {
    const toBlock = next + maxRange - 1n < last ? next + maxRange - 1n : last
    const range = { fromBlock: next, toBlock, strict: true }
    const of = {
      abi,
      ...(address === undefined ? {} : { address }),
      ...(event === undefined ? {} : { eventName: event }),
    }
    const events = await reach(rpcUrl, () => rpc.getContractEvents({ ...of, ...range } as never))
    next = toBlock + 1n
    yield { events: events as never, nextBlock: next }
  }
}

/** Polls until closed; a chain that is away is waited for. */
export function followEvents<const A extends Abi, N extends ContractEventName<A>>(
  client: ChainClient,
  options: FollowOptions<A, N>,
): { close(): Promise<void> } {
  let next = options.fromBlock
  let closing = false
  let wake: () => void = () => {}

  async function poll(): Promise<void> {
    const { rpc, rpcUrl } = client
    const head = await reach(rpcUrl, () => rpc.getBlockNumber())
    const last = head - BigInt(options.depth - 1)
    for await (const { events, nextBlock } of readEvents(client, { ...options, fromBlock: next, toBlock: last })) {
      if (closing) return
      await options.onEvents(events, nextBlock)
      next = nextBlock
    }
  }

  const running = (async () => {
    while (!closing) {
      try {
        await poll()
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause
        options.onFault?.(cause)
      }
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, options.pollingMs).unref()
      })
    }
  })()
  return {
    async close() {
      closing = true
      wake()
      await running
    },
  }
}
