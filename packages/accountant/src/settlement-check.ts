/**
 * What the chain paid providers, against what the ledger promised them: a ledger that promised less is not the newest.
 *
 * @module
 */

import { type ChainClient, reach } from '@myst/chain'
import { accountantAbi } from '@myst/contracts'
import type { Address } from '@myst/protocol'
import type { Ledger } from './ledger/index.ts'

/** Calls at once; a start waits for all of them. */
const maxCalls = 64

/** Of the providers that the ledger knows; the others are in the contract's events. @throws Fault `chain-unreachable`. */
export async function findUnknownSettlements(
  { rpc, rpcUrl }: ChainClient,
  accountant: Address,
  ledger: Pick<Ledger, 'entries'>,
  settled: (provider: Address, amount: bigint) => Promise<void>,
): Promise<void> {
  const providers = [...ledger.entries('providers')].map(([provider]) => provider as Address)
  for (let from = 0; from < providers.length; from += maxCalls) {
    const asked = providers.slice(from, from + maxCalls).map(async (provider) => {
      const standing = await reach(rpcUrl, () =>
        rpc.readContract({ address: accountant, abi: accountantAbi, functionName: 'providerOf', args: [provider] }),
      )
      await settled(provider, (standing as { readonly settled: bigint }).settled)
    })
    await Promise.all(asked)
  }
}
