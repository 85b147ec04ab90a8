/**
 * Who is paid for an identity: read, and changed for good in the registry. The identity signs; its wallet pays the gas, since
 * no transactor has a fee in it.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Clock, NodeKeys } from '@myst/billing'
import { type ChainClient, reach, typedCall } from '@myst/chain'
import { registryAbi } from '@myst/contracts'
import {
  type Address,
  type BeneficiaryChange,
  beneficiaryChangeStruct,
  bytesToUint,
  type Crypto,
  Fault,
  hashTypedData,
  type NetworkProfile,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import type { OwnWallet } from '../own-wallet.ts'

const lifetimeS = 1800

/** @throws Fault `chain-unreachable`. */
export async function readBeneficiary(
  { rpc, rpcUrl }: ChainClient,
  { contracts }: NetworkProfile,
  identity: Address,
): Promise<Address> {
  const at = { address: contracts.registry, abi: registryAbi } as const
  const found = await reach(rpcUrl, () => rpc.readContract({ ...at, functionName: 'beneficiaryOf', args: [identity] }))
  return found.toLowerCase() as Address
}

/**
 * Money sent to a contract of the network is gone, so none of them is taken.
 *
 * @throws Fault `beneficiary-refused` with what is wrong, `gas-missing`, those of the chain.
 */
export async function changeBeneficiary(
  deps: { readonly crypto: Crypto; readonly clock: Clock; readonly client: ChainClient; readonly wallet: OwnWallet },
  profile: NetworkProfile,
  keys: NodeKeys,
  beneficiary: Address,
): Promise<{ readonly beneficiary: Address; readonly hash?: `0x${string}` }> {
  requireOwnable(profile, beneficiary)
  if ((await readBeneficiary(deps.client, profile, keys.identity)) === beneficiary) return { beneficiary }
  const { registry } = profile.contracts
  const change: BeneficiaryChange = {
    identity: keys.identity,
    beneficiary,
    nonce: bytesToUint(new Uint8Array(randomBytes(32))),
    deadline: BigInt(Math.trunc(deps.clock.nowMs() / 1000) + lifetimeS),
  }
  const domain = { chainId: profile.chainId, verifyingContract: registry }
  const hash = hashTypedData(deps.crypto, domain, beneficiaryChangeStruct, change)
  const args = [change, toHex(deps.crypto.sign(hash, keys.privateKey))] as const
  try {
    const call = typedCall({ to: registry, abi: registryAbi, name: 'changeBeneficiary', args })
    return { beneficiary, hash: await deps.wallet.send(call) }
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'transaction-refused') throw cause
    throw new Fault('beneficiary-refused', { beneficiary, code: String(cause.facts.error) }, { cause })
  }
}

/** @throws Fault `beneficiary-refused`. */
export function requireOwnable({ contracts, accountants }: NetworkProfile, beneficiary: Address): void {
  const known = [...Object.values(contracts), ...accountants.map(({ address }) => address), zeroAddress]
  if (known.includes(beneficiary)) throw new Fault('beneficiary-refused', { beneficiary, code: 'a-contract' })
}
