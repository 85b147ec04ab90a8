/**
 * Transactions of the operator's key: each has a name, is durable before it leaves, and is brought to its end once, through
 * crashes, stuck pools and price spikes. Two of one name are never under way at once, also across a restart.
 *
 * @module
 */

import {
  type Call,
  createOutbox,
  defaultOutboxOptions,
  type Endpoints,
  estimateCallOn,
  type HashSigner,
  type Outcome,
  sendingSchema,
} from '@myst/chain'
import { type Address, Fault } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'

export interface Transactions {
  /** Whose they are. */
  readonly address: Address
  /**
   * Simulates, sends, and resolves when it is mined at the confirmation depth. While one of this name is under way, it waits
   * for that one instead: what it was for is on its way, or can be asked for again.
   *
   * @param worth what its gas may cost at most, in the chain's smallest unit; absent: whatever the price limit allows.
   * @throws Fault `transaction-refused`, `gas-too-dear`, `chain-unreachable`, `chain-disagrees`: nothing was sent; `transaction-reverted`,
   * `transaction-displaced`: it used gas, or its nonce; `transaction-pending`: the program ends, and goes on with it.
   */
  send(name: string, call: Call, worth?: bigint): Promise<void>
  /** On their way to the chain. */
  underway(): number
  /** Not sent yet: others have their turn. */
  waiting(): number
  close(): Promise<void>
}

export interface TransactionOptions {
  readonly key: Uint8Array | HashSigner
  /** Blocks until an outcome counts. */
  readonly depth: number
  /** No gas is bought above this, in the chain's smallest unit: a node that lies about the price must not empty the wallet. */
  readonly maxGasPrice: bigint
  readonly stuckAfterBlocks?: number
}

/** Pools keep 16 transactions of one sender that wait for those before them. */
const maxAtOnce = 16
/** A name and what it waits for; holds of so many channels at once are days of blocks. */
const maxWaiting = 10_000

const sendingTable = table('sendings', sendingSchema)

export function createTransactions(
  deps: {
    readonly endpoints: Endpoints
    readonly store: RecordStore
    readonly now: () => number
    readonly onFault: (fault: Fault) => void
  },
  options: TransactionOptions,
): Transactions {
  const { endpoints, store, now, onFault } = deps
  const { maxGasPrice } = options
  const ending = new Map<string, PromiseWithResolvers<Outcome>>()
  const sending = new Map<string, Promise<void>>()
  const turns: (() => void)[] = []
  let active = 0
  let closing = false

  const outbox = createOutbox(
    {
      endpoints,
      now,
      journal: {
        load: () => [...sendingTable.load(store)].map(([id, record]) => ({ id, ...record })),
        put: ({ id, ...record }) => store.commit([sendingTable.put(id, record)]),
      },
      onEnd({ id }, outcome) {
        store.commit([sendingTable.remove(id)])
        ending.get(id)?.resolve(outcome)
        ending.delete(id)
      },
      mayVoid: (cost) => cost <= maxGasPrice * voidGas,
      onFault,
    },
    {
      ...defaultOutboxOptions,
      key: options.key,
      depth: options.depth,
      ...(options.stuckAfterBlocks === undefined ? {} : { stuckAfterBlocks: options.stuckAfterBlocks }),
    },
  )

  async function bring(name: string, call: Call, worth: bigint | undefined): Promise<void> {
    const ended = Promise.withResolvers<Outcome>()
    ending.set(name, ended)
    // Nobody may have come to wait for it when the program ends.
    ended.promise.catch(() => {})
    try {
      if (!outbox.underway().some(({ id }) => id === name)) await launch(name, call, worth)
      const { kind } = await ended.promise
      if (kind !== 'mined') throw new Fault(`transaction-${kind}`, { name })
    } finally {
      ending.delete(name)
    }
  }

  async function launch(name: string, call: Call, worth: bigint | undefined): Promise<void> {
    const { gas: estimated, ...encoded } = await estimateCallOn(endpoints, outbox.address, call)
    const gas = (estimated * 5n) / 4n
    const affordable = worth === undefined ? maxGasPrice : worth / gas
    const maxFeePerGas = affordable < maxGasPrice ? affordable : maxGasPrice
    if ((await outbox.send({ id: name, ...encoded, gas, maxFeePerGas })) === 'sent') return
    throw new Fault('gas-too-dear', { name, maxGasPrice: maxFeePerGas })
  }

  async function inTurn(work: () => Promise<void>): Promise<void> {
    if (active >= maxAtOnce) {
      if (turns.length >= maxWaiting) throw new Fault('transactions-full', { waiting: turns.length })
      await new Promise<void>((resolve) => turns.push(resolve))
    }
    if (closing) throw new Fault('transaction-pending')
    active += 1
    try {
      await work()
    } finally {
      active -= 1
      turns.shift()?.()
    }
  }

  return {
    address: outbox.address,
    send(name, call, worth) {
      const known = sending.get(name)
      if (known !== undefined) return known
      if (closing) return Promise.reject(new Fault('transaction-pending', { name }))
      const done = inTurn(() => bring(name, call, worth)).finally(() => sending.delete(name))
      sending.set(name, done)
      return done
    },
    underway: () => outbox.underway().length,
    waiting: () => turns.length,
    async close() {
      closing = true
      for (const turn of turns.splice(0)) turn()
      for (const [name, { reject }] of ending) reject(new Fault('transaction-pending', { name }))
      await Promise.allSettled(sending.values())
      await outbox.close()
    },
  }
}

/** What a plain transfer uses. */
const voidGas = 21_000n
