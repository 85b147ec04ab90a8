/**
 * What the accountant hears of the chain: settlements, whose preimages everybody sees, and exits of channels.
 *
 * @module
 */

import { type ChainClient, followEvents } from '@myst/chain'
import { accountantAbi, consumerChannelAbi } from '@myst/contracts'
import { type Address, type Fault, field, fromHex, message, uint } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'

export interface ChainEventsDeps {
  readonly client: ChainClient
  readonly store: RecordStore
  /** Before its preimage: whether our ledger knows of so much. */
  settled(provider: Address, amount: bigint, preimage: Uint8Array): Promise<unknown>
  /** A settlement on chain shows its preimage to everybody: it counts as revealed. */
  reveal(provider: Address, preimage: Uint8Array): Promise<unknown>
  /** An exit is held at once: consumer and provider together may keep a preimage back until it is over. */
  hold(channel: Address): Promise<void>
  readonly now: () => number
  readonly onFault: (fault: Fault) => void
}

/** A quiet chain's blocks are looked at again after a restart, for this long at most. */
const cursorEveryMs = 60_000
const cursorTable = table('cursors', message({ nextBlock: field(0, uint(64)) }))

/** From now on everything is heard again. */
export const forgetCursors = (store: RecordStore): void =>
  store.commit([...cursorTable.load(store).keys()].map((name) => cursorTable.remove(name)))

export function followChain(
  { client, store, settled, reveal, hold, now, onFault }: ChainEventsDeps,
  { accountant, deployedAtBlock }: { readonly accountant: Address; readonly deployedAtBlock: bigint },
): { close(): Promise<void> } {
  const cursors = cursorTable.load(store)
  const savedMs = new Map<string, number>()
  /** Where the last process stopped. */
  const from = (name: string) => ({ fromBlock: cursors.get(name)?.nextBlock ?? deployedAtBlock })
  const following = { depth: 1, pollingMs: 500, onFault } as const

  /** A quiet chain's blocks cost no write each. */
  function saveCursor(name: string, nextBlock: bigint, isNews: boolean): void {
    if (!isNews && now() - (savedMs.get(name) ?? 0) < cursorEveryMs) return
    savedMs.set(name, now())
    store.commit([cursorTable.put(name, { nextBlock })])
  }

  const settlements = followEvents(client, {
    ...following,
    ...from('settlements'),
    address: accountant,
    abi: accountantAbi,
    event: 'ProviderSettled',
    async onEvents(events, nextBlock) {
      for (const { args } of events) {
        const provider = args.provider.toLowerCase() as Address
        const preimage = fromHex(args.preimage)
        await settled(provider, args.amount, preimage)
        await reveal(provider, preimage)
      }
      saveCursor('settlements', nextBlock, events.length > 0)
    },
  })
  const exits = followEvents(client, {
    ...following,
    ...from('exits'),
    abi: consumerChannelAbi,
    event: 'ExitRequested',
    async onEvents(events, nextBlock) {
      for (const { address } of events) await hold(address.toLowerCase() as Address)
      saveCursor('exits', nextBlock, events.length > 0)
    },
  })
  return { close: async () => void (await Promise.all([settlements.close(), exits.close()])) }
}
