/**
 * Network profile: what makes a network, in one JSON file that can be handed to a stranger.
 *
 * @module
 */

import { maxUint256, parseBaseUnits } from './amount.ts'
import { type Address, isAddress } from './bytes.ts'
import { accept, refuse, type Verdict } from './failure.ts'

export interface NetworkProfile {
  readonly networkId: string
  readonly chainId: bigint
  readonly rpcUrls: readonly string[]
  readonly contracts: { readonly token: Address; readonly registry: Address; readonly channelImplementation: Address }
  /** Nothing of this network is older. */
  readonly deployedAtBlock: bigint
  /** Blocks until what raises a limit counts; the head block has depth 1. */
  readonly confirmationDepth: number
  readonly accountants: readonly {
    readonly address: Address
    readonly operator: Address
    readonly url: string
  }[]
  readonly transactorUrls: readonly string[]
  /** `host:port` of persistent full nodes of the DHT. */
  readonly bootstrap: readonly string[]
  /** `ip:port` of STUN servers on different hosts: full nodes are. */
  readonly stunServers: readonly string[]
  /** What counts as the public internet besides the real one. Only the devnet profile may name any. */
  readonly exit: { readonly publicRanges: readonly string[]; readonly publicEndpoints: readonly string[] }
  /** All amounts of the payment rules are multiplied by this; 1 but for the devnet, whose sessions are short. */
  readonly priceScale: bigint
}

export type ProfileRefusal =
  | { readonly code: 'profile-invalid'; readonly at: string }
  | { readonly code: 'profile-private-ranges'; readonly networkId: string }

/** The one network that may call lab ranges and loopback public. */
export const devnetId = 'devnet'

/** Blocks a day on the fastest chain we know, and a day is longer than anybody waits for a top-up. */
const maxConfirmationDepth = 100_000n

export function parseNetworkProfile(json: unknown): Verdict<ProfileRefusal, NetworkProfile> {
  try {
    const profile = read(json as Record<string, unknown>)
    const { publicRanges, publicEndpoints } = profile.exit
    if (profile.networkId !== devnetId && publicRanges.length + publicEndpoints.length > 0) {
      return refuse({ code: 'profile-private-ranges', networkId: profile.networkId })
    }
    return accept(profile)
  } catch (cause) {
    if (cause instanceof Misshapen) return refuse({ code: 'profile-invalid', at: cause.message })
    throw cause
  }
}

export function formatNetworkProfile(profile: NetworkProfile): string {
  return `${JSON.stringify(profile, (_, value) => (typeof value === 'bigint' ? value.toString() : value), 2)}\n`
}

class Misshapen extends Error {}

function read(json: Record<string, unknown>): NetworkProfile {
  const contracts = object(json, 'contracts')
  const exit = object(json, 'exit')
  return {
    networkId: text(json, 'networkId'),
    chainId: amount(json, 'chainId', 1n),
    rpcUrls: texts(json, 'rpcUrls'),
    contracts: {
      token: address(contracts, 'token'),
      registry: address(contracts, 'registry'),
      channelImplementation: address(contracts, 'channelImplementation'),
    },
    deployedAtBlock: amount(json, 'deployedAtBlock'),
    confirmationDepth: Number(amount(json, 'confirmationDepth', 1n, maxConfirmationDepth)),
    accountants: array(json, 'accountants').map((entry) => {
      const accountant = entry as Record<string, unknown>
      return {
        address: address(accountant, 'address'),
        operator: address(accountant, 'operator'),
        url: text(accountant, 'url'),
      }
    }),
    transactorUrls: texts(json, 'transactorUrls'),
    bootstrap: texts(json, 'bootstrap'),
    stunServers: texts(json, 'stunServers'),
    exit: { publicRanges: texts(exit, 'publicRanges'), publicEndpoints: texts(exit, 'publicEndpoints') },
    // At 0 every limit would be 0, and everything free.
    priceScale: amount(json, 'priceScale', 1n),
  }
}

function object(json: Record<string, unknown>, at: string): Record<string, unknown> {
  const value = json?.[at]
  if (typeof value !== 'object' || value === null) throw new Misshapen(at)
  return value as Record<string, unknown>
}

function array(json: Record<string, unknown>, at: string): readonly unknown[] {
  const value = json?.[at]
  if (!Array.isArray(value)) throw new Misshapen(at)
  return value
}

function text(json: Record<string, unknown>, at: string): string {
  const value = json?.[at]
  if (typeof value !== 'string' || value === '') throw new Misshapen(at)
  return value
}

function texts(json: Record<string, unknown>, at: string): readonly string[] {
  const values = array(json, at)
  if (!values.every((value) => typeof value === 'string')) throw new Misshapen(at)
  return values as readonly string[]
}

function address(json: Record<string, unknown>, at: string): Address {
  const value = text(json, at)
  if (!isAddress(value)) throw new Misshapen(at)
  return value
}

function amount(json: Record<string, unknown>, at: string, least = 0n, most = maxUint256): bigint {
  const value = parseBaseUnits(typeof json?.[at] === 'number' ? String(json[at]) : json?.[at])
  if (!value.ok || value.value < least || value.value > most) throw new Misshapen(at)
  return value.value
}
