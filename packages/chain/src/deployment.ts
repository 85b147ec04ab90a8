/**
 * A test network's contracts at once, on a chain of one's own, and its first accountant. Networks that are to last are
 * planned: `deployment/`.
 *
 * @module
 */

import { mystTokenAbi, registryAbi, registryBytecode, testMystTokenAbi, testMystTokenBytecode } from '@myst/contracts'
import type { Address } from '@myst/protocol'
import type { ChainClient } from './chain-client.ts'
import { reach } from './chain-client.ts'
import type { RegistryTerms } from './deployment/terms.ts'
import type { Sender } from './sender.ts'

export interface NetworkContracts {
  readonly token: Address
  readonly registry: Address
  readonly channelImplementation: Address
}

/** A test token with a faucet, and the registry, whose constructor brings the implementations. */
export async function deployTestNetwork(
  client: ChainClient,
  sender: Sender,
  terms: RegistryTerms,
): Promise<NetworkContracts> {
  const token = await sender.deploy(testMystTokenAbi, testMystTokenBytecode, [])
  const registry = await sender.deploy(registryAbi, registryBytecode, [token, terms])
  const channelImplementation = await reach(client.rpcUrl, () =>
    client.rpc.readContract({ address: registry, abi: registryAbi, functionName: 'channelImplementation' }),
  )
  return { token, registry, channelImplementation: channelImplementation.toLowerCase() as Address }
}

/** Registers the sender's accountant with a stake the sender holds, and pays `funds` into it: what it settles from. */
export async function registerAccountant(
  client: ChainClient,
  sender: Sender,
  { token, registry }: NetworkContracts,
  accountant: { operator: Address; stake: bigint; feeRate: bigint; url: string; funds: bigint },
): Promise<Address> {
  const { operator, stake, feeRate, url, funds } = accountant
  await sender.send({ to: token, abi: mystTokenAbi, name: 'approve', args: [registry, stake] })
  await sender.send({
    to: registry,
    abi: registryAbi,
    name: 'registerAccountant',
    args: [operator, stake, feeRate, url],
  })
  const address = await reach(client.rpcUrl, () =>
    client.rpc.readContract({
      address: registry,
      abi: registryAbi,
      functionName: 'accountantAddress',
      args: [sender.address, operator],
    }),
  )
  const lower = address.toLowerCase() as Address
  if (funds > 0n) await sender.send({ to: token, abi: mystTokenAbi, name: 'transfer', args: [lower, funds] })
  return lower
}
