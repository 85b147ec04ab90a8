/**
 * Verifies the contracts that a network profile names, for whoever was handed it.
 *
 * @module
 */

import { connectChain, hastyDelays, verifyNetwork } from '@myst/chain'
import { readProfile } from '@myst/program'
import { Fault } from '@myst/protocol'
import { networkIdPattern, type VerifyQuestion } from './question.ts'

export async function verify({ network, rpcUrl }: VerifyQuestion): Promise<object> {
  const profile = await readProfile(network)
  const { networkId, chainId, rpcUrls } = profile
  // A stranger wrote the file: what is shown of it must not move the terminal.
  if (!networkIdPattern.test(networkId)) throw new Fault('profile-invalid', { path: network, at: 'networkId' })
  const asked = rpcUrl ?? URL.parse(rpcUrls[0] ?? '')?.href
  if (asked === undefined) throw new Fault('profile-incomplete', { path: network })
  const client = await connectChain({ rpcUrl: asked, chainId })
  const { token, tokenKind, decimals, terms, ...contracts } = await verifyNetwork(client, profile)
  return {
    networkId,
    chainId,
    /** A profile's own node may say what the profile's maker wants. */
    asked: { rpcUrl: asked, fromProfile: rpcUrl === undefined },
    token: { kind: tokenKind, address: token, decimals },
    contracts: { token, ...contracts },
    terms,
    hastyDelays: hastyDelays(terms),
  }
}
