/**
 * Scheduled payouts: the accountant pays every day or week what was revealed and not settled, and bears the gas. Asked for at
 * each accountant by itself; the wish that its contract must hear is signed here, and laid on chain by the accountant.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { type AccountantClient, type Clock, createAccountantClient, type NodeKeys } from '@myst/billing'
import { type ChainClient, reach } from '@myst/chain'
import { accountantAbi } from '@myst/contracts'
import {
  type Address,
  bytesToUint,
  type Crypto,
  Fault,
  hashTypedData,
  type NetworkProfile,
  type PayoutOrder,
  type PayoutStanding,
  type SettleWish,
  settleWishStruct,
} from '@myst/protocol'
import type { PayoutAsk, PayoutView } from '../node-core.ts'

export interface Payouts {
  /** @throws Fault `accountant-unknown`, `accountant-unreachable`. */
  standing(accountant?: Address): Promise<PayoutView>
  /** @throws Fault `payout-refused` with the accountant's code, and those of `standing`. */
  order(ask: PayoutAsk): Promise<PayoutView>
}

export interface PayoutsDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly client: ChainClient
}

/** The accountant lays the wish on chain with its first payout, a week away at most, or later where there is too little. */
const wishLifetimeS = 60 * 86_400

export function createPayouts(
  deps: PayoutsDeps,
  { keys, profile }: { readonly keys: NodeKeys; readonly profile: NetworkProfile },
): Payouts {
  const { crypto, clock } = deps
  const { chainId } = profile

  function at(asked: Address | undefined): { readonly address: Address; readonly client: AccountantClient } {
    const found = profile.accountants.find(({ address }) => asked === undefined || address === asked)
    if (found === undefined) throw new Fault('accountant-unknown', { accountant: asked })
    const domain = { chainId, verifyingContract: found.address }
    return { address: found.address, client: createAccountantClient(deps, keys, domain, found) }
  }

  /** What the contract heard of others who may settle stays as it is. */
  async function signWish(address: Address): Promise<NonNullable<PayoutOrder['wish']>> {
    const { rpc, rpcUrl } = deps.client
    const ask = { address, abi: accountantAbi, functionName: 'providerOf', args: [keys.identity] } as const
    const { anyoneMaySettle: anyone } = await reach(rpcUrl, () => rpc.readContract(ask))
    const wish: SettleWish = {
      provider: keys.identity,
      anyone,
      payouts: true,
      nonce: bytesToUint(new Uint8Array(randomBytes(32))),
      deadline: BigInt(Math.trunc(clock.nowMs() / 1000) + wishLifetimeS),
    }
    const hash = hashTypedData(crypto, { chainId, verifyingContract: address }, settleWishStruct, wish)
    const { nonce, deadline } = wish
    return { anyone, nonce, deadline, signature: crypto.sign(hash, keys.privateKey) }
  }

  return {
    async standing(accountant) {
      const { address, client } = at(accountant)
      return viewOf(address, await client.payoutStanding())
    },
    async order({ accountant, every, least = 0n }) {
      const { address, client } = at(accountant)
      const { isWished } = await client.payoutStanding()
      const isSigned = every !== 'never' && !isWished
      const order = { every, least, ...(isSigned ? { wish: await signWish(address) } : {}) }
      return viewOf(address, await client.orderPayout(order))
    },
  }
}

function viewOf(accountant: Address, { order, isWished }: PayoutStanding): PayoutView {
  return { accountant, every: order?.every ?? 'never', least: order?.least ?? 0n, isWished }
}
