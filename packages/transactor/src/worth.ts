/**
 * Whether a call is worth its gas although the contract takes it: one to an address without code "succeeds", and a fee that
 * comes out of an empty channel is none.
 *
 * @module
 */

import { type Endpoints, readChannel } from '@myst/chain'
import type { NetworkProfile } from '@myst/protocol'
import { type Crypto, channelAddress } from '@myst/protocol'
import type { SignedCall } from './signed-call.ts'

/** @returns the refusal's code. @throws Fault `chain-unreachable`, `chain-disagrees`. */
export async function worthOf(
  deps: { readonly crypto: Crypto; readonly endpoints: Endpoints },
  {
    contracts,
    deployedAtBlock,
    confirmationDepth: depth,
  }: Pick<NetworkProfile, 'contracts' | 'deployedAtBlock' | 'confirmationDepth'>,
  { call, identity, accountant, fee }: SignedCall,
): Promise<string | undefined> {
  if (call !== 'exit' && call !== 'fast-exit') return undefined
  const { token, registry } = contracts
  const channel = channelAddress(deps.crypto, contracts, identity, accountant)
  return deps.endpoints.agree('the channel', async (client) => {
    const { head } = await readChannel(client, { token, registry, identity, channel, deployedAtBlock, depth })
    if (!head.deployed) return 'channel-not-open'
    const owed = head.held > head.settled ? head.held - head.settled : 0n
    const payment = head.balance > owed ? head.balance - owed : 0n
    // A fast exit names its sum, and the contract holds the fee against it.
    return call === 'exit' && payment < fee ? 'exit-below-fee' : undefined
  })
}
