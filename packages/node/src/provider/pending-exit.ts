/**
 * Whether a consumer's channel is under exit, by the provider's own view of the chain: it judges refusals by it.
 *
 * @module
 */

import { type ChainClient, readChannel } from '@myst/chain'
import { type Address, type Crypto, channelAddress, type NetworkProfile } from '@myst/protocol'

/** @throws Fault `chain-unreachable` */
export async function isExitPending(
  { crypto, client }: { readonly crypto: Crypto; readonly client: ChainClient },
  profile: Pick<NetworkProfile, 'contracts' | 'deployedAtBlock' | 'confirmationDepth'>,
  { consumer, accountant }: { readonly consumer: Address; readonly accountant: Address },
): Promise<boolean> {
  const { contracts, deployedAtBlock, confirmationDepth: depth } = profile
  const { token, registry } = contracts
  const channel = channelAddress(crypto, contracts, consumer, accountant)
  const place = { token, registry, identity: consumer, channel, deployedAtBlock, depth }
  const { head, deep } = await readChannel(client, place)
  // An accountant counts an exit as soon as it sees it, and a cancelled one until that is confirmed.
  return head.exitAtS !== 0n || deep.exitAtS !== 0n
}
