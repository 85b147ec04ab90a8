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
import type { Errand } from './leaving/errand.ts'
import type { SettlementPreview } from './settlement/settler.ts'

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
  /** Exchanges what is pending and brings everything that accountants promised on chain. */
  settle(ask?: SettlementAsk): Promise<SettlementView>
  /** What `settle` would do, and cost; exchanges what is pending. */
  previewSettlement(ask?: SettlementAsk): Promise<readonly SettlementPreviewView[]>
  /** What we have and had to get, accountant by accountant. */
  earnings(): Promise<readonly EarningsView[]>
  /** What accountants' contracts have paid us, newest first. */
  payments(): readonly PaymentView[]
  /**
   * Sends the channel's money home: at once where the accountant co-signs, else after the contract's delay. With the same `key`
   * it leaves once, whatever becomes of the answer or of the node.
   */
  withdraw(ask?: { readonly to?: Address; readonly amount?: bigint; readonly key?: string }): Promise<ErrandView>
  /** Ends all business and brings all money home; goes on over restarts. Asked again, it does the next step at once. */
  leave(ask?: { readonly to?: Address }): Promise<LeavingView>
  leaving(): LeavingView
  /** Takes the leave back; what the chain has been told goes on. */
  stay(): Promise<LeavingView>
  /** Who is paid for the identity, by the registry. */
  beneficiary(): Promise<BeneficiaryView>
  /** For good; the wallet pays the gas. */
  changeBeneficiary(beneficiary: Address): Promise<BeneficiaryView>
  /** How an accountant pays by itself; the profile's first one where none is named. */
  payout(accountant?: Address): Promise<PayoutView>
  orderPayout(ask: PayoutAsk): Promise<PayoutView>
  /** Ends sessions gracefully and closes everything. */
  close(): Promise<void>
}

export interface PayoutAsk {
  readonly accountant?: Address
  readonly every: 'never' | 'day' | 'week'
  /** Less than this waits for the next time. */
  readonly least?: bigint
}

export interface PayoutView {
  readonly accountant: Address
  readonly every: PayoutAsk['every']
  readonly least: bigint
  /** Its contract has heard the wish; before that it comes with the first payout. */
  readonly isWished: boolean
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
  /** What a person should look at, each with what to do. */
  readonly alarms: readonly AlarmView[]
  /** Our address as the network sees it. */
  readonly reflexive?: { readonly host: string; readonly port: number; readonly symmetric: boolean }
}

export interface AlarmView {
  readonly code: string
  readonly what: string
  /** Empty where it passes by itself. */
  readonly todo: string
  readonly accountant?: Address
}

export interface ConsumerBalance {
  /** On the channel now. */
  readonly balance: bigint
  /** Promised so far, to everybody. */
  readonly spent: bigint
  /** What can still be promised. */
  readonly left: bigint
  /** Promised, and not yet collected from the channel. */
  readonly inFlight: bigint
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
  /** Promised by accountants and not yet settled. */
  readonly unsettled: bigint
  /** Of it, what our stakes answer for. */
  readonly guaranteed: bigint
  /** Of it, what is on its way. */
  readonly settling: bigint
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

export interface SettlementAsk {
  /** Absent: all of them. */
  readonly accountant?: Address
  /** Absent: into the wallet. */
  readonly into?: 'wallet' | 'stake'
  /** Absent: the beneficiary of the configuration, else the registered one. */
  readonly beneficiary?: Address
}

export interface SettlementView {
  /** Paid by the accountant contracts, fees included. */
  readonly paid: bigint
  readonly transactorFee: bigint
  /** Of the first. */
  readonly hash?: Bytes32
  /** Without a hash where a transactor has it, and the chain does not show it yet. */
  readonly settlements: readonly {
    readonly accountant: Address
    readonly paid: bigint
    readonly transactorFee: bigint
    readonly hash?: Bytes32
  }[]
  readonly refused: readonly AlarmView[]
}

export interface SettlementPreviewView extends Omit<SettlementPreview, 'gas' | 'refusal'> {
  /** At most, in the chain's coin, where our own wallet pays it. */
  readonly gas?: bigint
  /** Why it would not be settled now. */
  readonly refusal?: AlarmView
}

export interface EarningsView {
  readonly accountant: Address
  /** Promised by consumers and not yet by the accountant. */
  readonly uncredited: bigint
  /** Promised by the accountant so far, bounties included. */
  readonly promised: bigint
  /** Absent while the chain was not asked yet. */
  readonly settled?: bigint
  /** What transactors took of it. */
  readonly fees: bigint
  readonly unsettled: bigint
  readonly guaranteed: bigint
  readonly stake: bigint
  readonly settling: bigint
  /** Why nothing is settled although there is a reason. */
  readonly problem?: AlarmView
}

export interface PaymentView {
  readonly accountant: Address
  /** A payout is one that the accountant made unasked. */
  readonly kind: 'settlement' | 'payout'
  readonly hash: Bytes32
  readonly block: bigint
  readonly atMs: number
  /** The fee included. */
  readonly paid: bigint
  readonly fee: bigint
  /** Absent: the beneficiary that was registered at the time. The accountant itself where it went into stake. */
  readonly to?: Address
  /** False: a reorganisation may still take it back. */
  readonly isConfirmed: boolean
}

/** One sum on its way home. */
export interface ErrandView extends Omit<Errand, 'problem'> {
  readonly problem?: AlarmView
}

export interface LeavingView {
  readonly isWished: boolean
  /** Everything is home, but for what is not worth its fee. */
  readonly isOver: boolean
  readonly errands: readonly ErrandView[]
}

export interface BeneficiaryView {
  readonly beneficiary: Address
  /** Absent where nothing was to be changed. */
  readonly hash?: Bytes32
}
