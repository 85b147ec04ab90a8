/**
 * Brings a stake home: asked for once everything is settled, paid after the contract's delay to the registered beneficiary.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Clock, NodeKeys } from '@myst/billing'
import { type ChainClient, reach, typedCall } from '@myst/chain'
import { accountantAbi } from '@myst/contracts'
import {
  type Address,
  bytesToUint,
  type Crypto,
  Fault,
  hashTypedData,
  type StakeDecrease,
  stakeDecreaseStruct,
} from '@myst/protocol'
import type { OwnWallet } from '../own-wallet.ts'
import { requireFairFee } from '../settlement/settle-request.ts'
import type { TransactorClient } from '../transactor-client.ts'
import { withAny } from '../transactors.ts'
import { type Errand, isDear } from './errand.ts'

export interface StakeReturnDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly client: ChainClient
  readonly wallet: OwnWallet
  readonly transactors: readonly TransactorClient[]
  readonly log: (line: string) => void
}

const lifetimeS = 1800

/** The next step. @throws Fault of whoever was asked. */
export async function stepStakeReturn(deps: StakeReturnDeps, keys: NodeKeys, accountant: Address): Promise<Errand> {
  const { crypto, clock, client, wallet, transactors, log } = deps
  const { rpc, rpcUrl, chainId } = client
  const at = { address: accountant, abi: accountantAbi, args: [keys.identity] } as const
  const [{ stake }, pending, { timestamp }] = await reach(rpcUrl, () =>
    Promise.all([
      rpc.readContract({ ...at, functionName: 'providerOf' }),
      rpc.readContract({ ...at, functionName: 'pendingDecrease' }),
      rpc.getBlock(),
    ]),
  )
  const errand = (state: Errand['state'], amount: bigint, more: Partial<Errand> = {}): Errand => ({
    kind: 'stake',
    accountant,
    state,
    amount,
    ...more,
  })
  if (stake === 0n) return errand('done', 0n)
  if (pending.dueAt > 0n) {
    const dueAtMs = Number(pending.dueAt) * 1000
    if (timestamp < pending.dueAt) return errand('waiting', stake, { dueAtMs })
    const args = [keys.identity] as const
    try {
      const call = typedCall({ to: accountant, abi: accountantAbi, name: 'finalizeStakeDecrease', args })
      return errand('working', stake, { hash: await wallet.send(call) })
    } catch (fault) {
      // A transactor that is to be paid out of it sends it too.
      if (fault instanceof Fault && fault.code === 'gas-missing')
        return errand('waiting', stake, { dueAtMs, problem: fault })
      throw fault
    }
  }
  try {
    return await withAny(transactors, log, async (transactor) => {
      const { transactor: payee, fee } = await transactor.quote('decrease-stake')
      if (fee > 0n) requireFairFee(fee, stake)
      const decrease: StakeDecrease = {
        provider: keys.identity,
        amount: stake,
        transactor: payee,
        fee,
        nonce: bytesToUint(new Uint8Array(randomBytes(32))),
        deadline: BigInt(Math.trunc(clock.nowMs() / 1000) + lifetimeS),
      }
      const domain = { chainId, verifyingContract: accountant }
      const signature = crypto.sign(hashTypedData(crypto, domain, stakeDecreaseStruct, decrease), keys.privateKey)
      const { status, code, hash } = await transactor.carry({ kind: 'decrease-stake', accountant, decrease, signature })
      if (status === 'refused') throw new Fault('exit-refused', { accountant, code })
      return errand('working', stake, hash === undefined ? {} : { hash })
    })
  } catch (fault) {
    if (fault instanceof Fault && isDear(fault)) return errand('left', stake, { problem: fault })
    throw fault
  }
}
