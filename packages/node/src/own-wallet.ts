/**
 * A node that is its own transactor: it sends what it signed itself, and pays the gas from its identity's wallet. The
 * messages name no transactor and no fee.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Call, type ChainClient, callOfRequest, createSender, reach, simulate } from '@myst/chain'
import { type Address, type Crypto, Fault, type NetworkProfile, zeroAddress } from '@myst/protocol'
import type { TransactorClient } from './transactor-client.ts'

export interface OwnWallet {
  readonly address: Address
  readonly transactor: TransactorClient
  /** What needs nobody's signature, or ours alone. @throws Fault `gas-missing`, `wallet-busy`, those of a `Sender`. */
  send(call: Call): Promise<`0x${string}`>
}

/** A registration with its channel uses 160,000 gas, a settlement 70,000. */
const gasAtMost = 200_000n
/** A transaction of a process before may still be in the pool; a chain that takes longer has other troubles. */
const maxBusyMs = 60_000

export function createOwnWallet(
  crypto: Crypto,
  client: ChainClient,
  contracts: NetworkProfile['contracts'],
  privateKey: Uint8Array,
): OwnWallet {
  const sender = createSender(client, privateKey)
  const { rpc, rpcUrl, chainId } = client
  const { address } = sender

  /** @returns what a call may cost. */
  async function requireGas(): Promise<bigint> {
    const [balance, price] = await reach(rpcUrl, () => Promise.all([rpc.getBalance({ address }), rpc.getGasPrice()]))
    const needed = gasAtMost * price
    if (balance < needed) throw new Fault('gas-missing', { address, chainId, missing: needed - balance })
    return needed
  }

  /** What was sent before a crash is on chain, or gone: it is never sent a second time beside itself. */
  async function untilQuiet(): Promise<void> {
    const startedMs = performance.now()
    for (;;) {
      const [mined, sent] = await reach(rpcUrl, () =>
        Promise.all([
          rpc.getTransactionCount({ address, blockTag: 'latest' }),
          rpc.getTransactionCount({ address, blockTag: 'pending' }),
        ]),
      )
      if (sent <= mined) return
      const waitedMs = Math.round(performance.now() - startedMs)
      if (waitedMs > maxBusyMs) throw new Fault('wallet-busy', { address, waitedMs })
      await wait(rpc.pollingInterval)
    }
  }

  /** What is refused here costs nothing; a refusal of the contract is the request's end, as with a transactor. */
  async function refusalOf(call: Call): Promise<string | undefined> {
    try {
      await simulate(client, address, call)
      return undefined
    } catch (fault) {
      if (fault instanceof Fault && fault.code === 'transaction-refused') return String(fault.facts.error)
      throw fault
    }
  }

  return {
    address,
    transactor: {
      name: 'wallet',
      quote: async () => ({
        transactor: zeroAddress,
        fee: 0n,
        validUntilMs: BigInt(Number.MAX_SAFE_INTEGER),
        gas: await requireGas(),
      }),
      async carry(request) {
        const call = callOfRequest(crypto, contracts, request)
        await requireGas()
        await untilQuiet()
        const code = await refusalOf(call)
        if (code !== undefined) return { id: noId, status: 'refused', code }
        const { transactionHash: hash } = await sender.send(call)
        return { id: hash, status: 'mined', hash }
      },
    },
    async send(call) {
      await requireGas()
      await untilQuiet()
      return (await sender.send(call)).transactionHash
    },
  }
}

/** Nothing was sent that could have a name. */
const noId = `0x${'0'.repeat(64)}` as const
