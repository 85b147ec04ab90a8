/**
 * Node Core: what one node can do, for the API, the command line, the devnet, and other people's programs.
 *
 * Amounts are MYST base units; times are milliseconds since 1970. Whatever fails throws a `Fault` with a code that a person
 * can be told, and what to do about it is in `faultAdvice`.
 *
 * @module
 */

import type { Address, Bytes32, Price } from '@myst/protocol'
import type { Endpoint } from '@myst/vpn'

export interface NodeCore {
  readonly identity: Address
  status(): Promise<NodeStatus>
  /** Where to pay in: the channel's address, also before there is a contract. */
  topUp(): TopUp
  /** Registers the identity through a transactor, who is paid from the channel, or by itself; answers at once where it is registered. */
  register(): Promise<RegistrationView>
  proposals(filter?: ProposalFilter): Promise<readonly ProposalView[]>
  connect(request: ConnectRequest): Promise<ConnectionView>
  disconnect(id: string): Promise<ConnectionView>
  connections(): readonly ConnectionView[]
  serve(offer: ServiceOffer): Promise<ServiceView>
  stopService(serviceType: string): Promise<void>
  services(): readonly ServiceView[]
  /** Exchanges what is pending and brings everything the accountant promised on chain. */
  settle(): Promise<SettlementView>
  /** Ends sessions gracefully and closes everything. */
  close(): Promise<void>
}

export interface NodeStatus {
  readonly identity: Address
  readonly networkId: string
  readonly accountant: Address
  readonly channel: Address
  readonly registered: boolean
  readonly consumer: ConsumerBalance
  readonly provider: ProviderBalance
  readonly connections: readonly ConnectionView[]
  readonly services: readonly ServiceView[]
  /** Our address as the network sees it. */
  readonly reflexive?: { readonly host: string; readonly port: number; readonly symmetric: boolean }
}

export interface ConsumerBalance {
  /** On the channel now. */
  readonly balance: bigint
  /** Promised so far, to everybody. */
  readonly spent: bigint
  /** What can still be promised. */
  readonly left: bigint
  readonly promises: number
}

export interface ProviderBalance {
  /** Promised by consumers and not yet credited. */
  readonly inFlight: bigint
  /** Promised by the accountant so far. */
  readonly credited: bigint
  readonly accountantFees: bigint
  /** Of the accountant's own money, on top of what was credited. */
  readonly bounties: bigint
  readonly settled: bigint
  readonly transactorFees: bigint
  readonly batches: number
  readonly promises: number
}

export interface TopUp {
  readonly identity: Address
  readonly channel: Address
  readonly accountant: Address
  readonly token: Address
  readonly chainId: bigint
}

export interface RegistrationView {
  readonly identity: Address
  readonly transactorFee: bigint
  readonly registrationFee: bigint
  readonly hash?: Bytes32
}

export interface ProposalFilter {
  readonly country?: string
  readonly serviceType?: string
  readonly provider?: Address
}

export interface ProposalView {
  readonly provider: Address
  readonly serviceType: string
  readonly country: string
  readonly price: Price
  readonly accountants: readonly Address[]
  readonly expiresAtMs: number
}

export interface ConnectRequest {
  readonly serviceType: string
  readonly provider?: Address
  readonly country?: string
  /** Where a driver that serves local programs (SOCKS5) listens; port 0 picks one. */
  readonly listen?: Endpoint
  /** The most this session may cost. */
  readonly budget?: bigint
}

export type ConnectionState =
  | 'connecting'
  | 'connected'
  | 'reconnecting'
  | 'disconnecting'
  | 'not-connected'
  | 'on-hold'
  | 'failed'

export interface ConnectionView {
  readonly id: string
  readonly state: ConnectionState
  readonly provider: Address
  readonly country: string
  readonly serviceType: string
  /** For people: `socks5://127.0.0.1:1080`, `wireguard interface myst0`. */
  readonly description?: string
  readonly listening?: Endpoint
  readonly sentBytes: bigint
  readonly receivedBytes: bigint
  readonly spent: bigint
  readonly promises: number
  /** How the tunnel's packets travel: over the link, or on a punched path of their own. */
  readonly path: 'link' | 'direct'
  /** The money ends soon at this pace: what this session may cost, what the day allows, or what the channel holds. */
  readonly warning?: { readonly limit: 'budget' | 'day' | 'channel'; readonly endsInMs: number }
  readonly connectedAtMs?: number
  /** Why it failed, paused or reconnects. */
  readonly reason?: string
}

export interface ServiceOffer {
  readonly serviceType: string
  readonly country: string
  readonly price?: Price
}

export interface ServiceView {
  readonly serviceType: string
  readonly country: string
  readonly price: Price
  readonly sessions: readonly SessionView[]
}

export interface SessionView {
  readonly id: string
  readonly consumer: Address
  readonly phase: 'serving' | 'paused' | 'ended'
  readonly sentBytes: bigint
  readonly receivedBytes: bigint
  readonly invoiced: bigint
  readonly paid: bigint
  readonly credited: bigint
}

export interface SettlementView {
  /** Paid by the accountant contract, the fee included. */
  readonly paid: bigint
  readonly transactorFee: bigint
  readonly hash?: Bytes32
}
