/**
 * A node that is its own transactor: where the network's profile names none, it sends what it signed itself, and pays the
 * gas from its identity's wallet. The messages name no transactor and no fee.
 *
 * @module
 */

import { type Call, type ChainClient, createSender, reach, simulate, typedCall } from '@myst/chain'
import { accountantAbi, registryAbi } from '@myst/contracts'
import { assert, Fault, type NetworkProfile, type TransactorRequest, toHex, zeroAddress } from '@myst/protocol'
import type { TransactorClient } from './transactor-client.ts'

/** A registration with its channel uses 160,000 gas, a settlement 70,000. */
const gasAtMost = 200_000n

export function createOwnTransactor(
  client: ChainClient,
  contracts: NetworkProfile['contracts'],
  privateKey: Uint8Array,
): TransactorClient {
  const sender = createSender(client, privateKey)

  /** What is refused here costs nothing; a refusal of the contract is the request's end, as with a transactor. */
  async function refusalOf(call: Call): Promise<string | undefined> {
    try {
      await simulate(client, sender.address, call)
      return undefined
    } catch (fault) {
      if (fault instanceof Fault && fault.code === 'transaction-refused') return String(fault.facts.error)
      throw fault
    }
  }

  async function requireGas(): Promise<void> {
    const { rpc, rpcUrl, chainId } = client
    const [balance, price] = await reach(rpcUrl, () =>
      Promise.all([rpc.getBalance({ address: sender.address }), rpc.getGasPrice()]),
    )
    const needed = gasAtMost * price
    if (balance < needed)
      throw new Fault('gas-missing', { address: sender.address, chainId, missing: needed - balance })
  }

  return {
    quote: async () => ({ transactor: zeroAddress, fee: 0n, validUntilMs: BigInt(Number.MAX_SAFE_INTEGER) }),
    async carry(request) {
      const call = callOf(contracts, request)
      await requireGas()
      const code = await refusalOf(call)
      if (code !== undefined) return { id: noId, status: 'refused', code }
      const { transactionHash: hash } = await sender.send(call)
      return { id: hash, status: 'mined', hash }
    },
  }
}

/** Nothing was sent that could have a name. */
const noId = `0x${'0'.repeat(64)}` as const

function callOf({ registry }: NetworkProfile['contracts'], request: TransactorRequest): Call {
  if (request.kind === 'register') {
    const { registration, signature } = request
    return typedCall({
      to: registry,
      abi: registryAbi,
      name: 'registerIdentity',
      args: [registration, toHex(signature)],
    })
  }
  assert(request.kind === 'settle', 'a node asks for nothing else')
  const { accountant, order, preimage, promiseSignature, orderSignature } = request
  return typedCall({
    to: accountant,
    abi: accountantAbi,
    name: 'settleWithOrder',
    args: [order, preimage, toHex(promiseSignature), toHex(orderSignature)],
  })
}
