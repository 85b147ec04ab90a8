/**
 * A world: what its parties share, and what each of them is made of.
 *
 * @module
 */

import type { NodeKeys, PaymentPolicy } from '@myst/billing'
import { deriveKeys } from '@myst/billing'
import {
  type Address,
  type Crypto,
  channelAddress,
  type NetworkProfile,
  type Price,
  type Proposal,
  uintToBytes,
} from '@myst/protocol'
import type { ChainCrypto, ModelChain } from './model-chain.ts'
import type { Network } from './network.ts'
import type { Oracle } from './oracle.ts'
import type { Random } from './random.ts'
import type { Tunnels } from './traffic.ts'
import type { Process, VirtualTime } from './virtual-time.ts'

export interface World {
  readonly time: VirtualTime
  readonly random: Random
  readonly network: Network
  readonly chain: ModelChain
  readonly tunnels: Tunnels
  readonly crypto: Crypto
  readonly verifier: ChainCrypto
  readonly profile: NetworkProfile
  readonly accountant: Address
  readonly policy: PaymentPolicy
  readonly price: Price
  readonly oracle: Oracle
  readonly log: (line: string) => void
  /** Old states that each disk keeps. */
  readonly backups: number
}

/** Wall clocks begin here: 2026. */
export const startMs = 1_770_000_000_000

export interface Party {
  readonly name: string
  readonly keys: NodeKeys
  readonly identity: Address
  readonly honest: boolean
  /** The life it leads now. */
  readonly process: Process
  /** By how much its wall clock is wrong. */
  wallErrorMs: number
  crash(): void
  /** Begins a new life, where it has none. */
  restart(): void
  /** The end of the story: everybody goes politely. */
  finish(): Promise<void>
}

/** Identities of runs are few, so that their addresses are derived once. */
export const keysOf = (crypto: Crypto, number: number): NodeKeys => {
  const known = derived.get(number)
  if (known !== undefined) return known
  const keys = deriveKeys(crypto, uintToBytes(BigInt(1000 + number)))
  derived.set(number, keys)
  return keys
}
const derived = new Map<number, NodeKeys>()

export const channelOf = ({ crypto, profile, accountant }: World, consumer: Address): Address =>
  channelAddress(crypto, profile.contracts, consumer, accountant)

/** Wall clock with its error, and a monotonic one that starts anew with each life. */
export function clockOf({ time }: World, party: { readonly wallErrorMs: number }) {
  const bornMs = time.nowMs
  return {
    nowMs: () => startMs + time.nowMs + party.wallErrorMs,
    elapsedMs: () => 1_000 + time.nowMs - bornMs,
  }
}

export const serviceType = 'proxy'

export const proposalOf = (
  { profile, accountant, price }: World,
  provider: Address,
  transportKey: Uint8Array,
): Proposal => ({
  networkId: profile.networkId,
  provider,
  transportKey,
  serviceType,
  serviceVersion: 1,
  location: { country: 'NL' },
  price,
  accountants: [accountant],
  seq: 1n,
  expiresAtMs: BigInt(startMs + 10 * 365 * 86_400_000),
})
