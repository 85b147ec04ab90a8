/**
 * Registration: the identity enters the registry and its channel is opened, both paid from the channel itself.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Clock, NodeKeys } from '@myst/billing'
import {
  type Address,
  bytesToUint,
  type Crypto,
  Fault,
  hashTypedData,
  type NetworkProfile,
  type Registration,
  registrationStruct,
  type TransactorState,
  zeroAddress,
} from '@myst/protocol'
import type { TransactorClient } from './transactor-client.ts'

const lifetimeS = 3600

/** @throws Fault `registration-refused` with the contract's error, or the transactor's. */
export async function registerIdentity(
  deps: { readonly crypto: Crypto; readonly clock: Clock; readonly transactor: TransactorClient },
  profile: NetworkProfile,
  keys: NodeKeys,
  accountant: Address,
): Promise<{ readonly fee: bigint; readonly state: TransactorState }> {
  const { transactor, fee } = await deps.transactor.quote('register')
  const registration: Registration = {
    identity: keys.identity,
    accountant,
    beneficiary: zeroAddress,
    transactor,
    fee,
    nonce: bytesToUint(new Uint8Array(randomBytes(32))),
    deadline: BigInt(Math.trunc(deps.clock.nowMs() / 1000) + lifetimeS),
  }
  const domain = { chainId: profile.chainId, verifyingContract: profile.contracts.registry }
  const hash = hashTypedData(deps.crypto, domain, registrationStruct, registration)
  const signature = deps.crypto.sign(hash, keys.privateKey)
  const state = await deps.transactor.carry({ kind: 'register', registration, signature })
  if (state.status !== 'mined') throw new Fault('registration-refused', { code: state.code })
  return { fee, state }
}
