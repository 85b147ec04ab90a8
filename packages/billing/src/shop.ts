/**
 * A shop: one provider that is paid over HTTP, or over anything that carries a request and its answer.
 *
 * It needs no chain: the operator is taken from the profile, and any fee up to the policy's limit, unless the caller reads what
 * the accountant's contract says of both.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import {
  type Address,
  accept,
  type Crypto,
  capacityStatementContent,
  channelAddress,
  decodeMessage,
  Fault,
  type HttpRequest,
  type NetworkProfile,
  openContent,
  openRequest,
  type Price,
  type RequestRefusal,
  refuse,
  signedContent,
  toHex,
  type Verdict,
} from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { type AccountantInfo, createAccountantClient } from './accountant-client.ts'
import { type CapacityRefusal, refusalOf } from './capacity.ts'
import { type Clock, systemClock } from './clock.ts'
import { type ExchangeDesk, openExchangeDesk } from './exchange-desk.ts'
import { deriveKeys } from './keys.ts'
import { type PaymentPolicy, paymentPolicy } from './payment-policy.ts'
import type { Tab } from './tab.ts'
import { openTill, type Till } from './till.ts'

export interface Shop extends Pick<Till, 'take'> {
  /** Whom its customers pay. */
  readonly provider: Address
  /** Exchanges what was promised, and holds what a settlement shows. */
  readonly desk: ExchangeDesk
  /** Opens a tab for who signed this request (`Purse.ask`). @param host where it comes from. */
  open(asked: HttpRequest, authorization: string | undefined, host: string, price: Price): Verdict<TabRefusal, Tab>
  /** A tab that is open; whoever does not come back for ten minutes has to open another. */
  tab(agreementId: string): Tab | undefined
  readonly log: (line: string) => void
  /** Closes all tabs, exchanges what it can. */
  close(): Promise<void>
}

export type TabRefusal = RequestRefusal | CapacityRefusal | { readonly code: 'session-provider-full' }

export interface ShopDeps {
  readonly crypto: Crypto
  readonly store: RecordStore
  readonly clock?: Clock
  /** Whose signatures the accountant's contract takes. @throws Fault `chain-unreachable`. */
  readonly operator?: () => Promise<Address>
  /** What its contract lets it keep, basis points; absent: anything up to the policy's `feeLimit`. @throws Fault `chain-unreachable`. */
  readonly feeRate?: () => Promise<number>
  /** What its operator should know: refusals, alarms, faults. On stderr where absent. */
  readonly log?: (line: string) => void
}

export interface ShopOptions {
  readonly profile: NetworkProfile
  readonly privateKey: Uint8Array
  /** The profile's first one where absent. */
  readonly accountant?: AccountantInfo
  readonly policy?: Partial<PaymentPolicy>
}

/** Some kilobytes each. */
const maxTabs = 10_000
/** Of one customer, each on a credit of its own; with more, the one that was used longest ago is closed. */
const maxTabsEach = 4
/** An idle tab takes the place of another; who comes back later than this opens a new one. */
const idleMs = 600_000
/** So much longer may a tab idle; a look ends at the first one that is still in use. */
const idleLookMs = 10_000

/** @throws Fault `profile-no-accountant`; `accountant-unreachable` where the disk is empty and it can't be asked. */
export async function openShop(deps: ShopDeps, options: ShopOptions): Promise<Shop> {
  const { crypto, store, clock = systemClock, log = console.error } = deps
  const { profile, accountant = profile.accountants[0] } = options
  if (accountant === undefined) throw new Fault('profile-no-accountant', { networkId: profile.networkId })
  const keys = deriveKeys(crypto, options.privateKey)
  const policy = paymentPolicy(profile.priceScale, options.policy)
  const { chainId } = profile
  const domain = { chainId, verifyingContract: accountant.address }
  const client = createAccountantClient({ crypto, clock }, keys, domain, accountant)
  /** The one that was used longest ago is first. */
  const tabs = new Map<string, { readonly tab: Tab; readonly usedAtMs: number }>()
  const till = openTill(
    { crypto, clock, store, desks: () => new Map([[accountant.address, desk]]), log },
    { keys, profile, policy },
  )
  const { exchange, feeLimit, unprovedRefusals } = policy
  const { operator = async () => accountant.operator, feeRate = async () => feeLimit } = deps
  const desk = await openExchangeDesk(
    {
      ...{ crypto, clock, store, client, feeRate, operator, log },
      ...{ onOutcomes: till.credited, promisedBefore: till.promisedBefore },
    },
    { keys, chainId, contracts: profile.contracts, accountant, policy: exchange, feeLimit, unprovedRefusals },
  )

  function use(tab: Tab): Tab {
    tabs.delete(tab.agreementId)
    tabs.set(tab.agreementId, { tab, usedAtMs: clock.elapsedMs() })
    return tab
  }
  const timer = setInterval(() => {
    for (const { tab, usedAtMs } of tabs.values()) {
      if (clock.elapsedMs() - usedAtMs < idleMs) return
      tab.close()
    }
  }, idleLookMs)

  function open(asked: HttpRequest, authorization: string | undefined, host: string, price: Price) {
    if (tabs.size >= maxTabs) return refuse({ code: 'session-provider-full' } as const)
    const signer = openRequest(
      crypto,
      { chainId, verifyingContract: keys.identity },
      authorization,
      asked,
      clock.nowMs(),
    )
    if (!signer.ok) return signer
    const consumer = signer.value
    const signed = decodeMessage(signedContent(capacityStatementContent.maxBytes), asked.body)
    if (!signed.ok) return refuse({ code: 'request-malformed' } as const)
    const statement = openContent(crypto, domain, capacityStatementContent, signed.value, desk.accountant.operator)
    if (!statement.ok) return refuse({ code: 'session-capacity-unproven' } as const)
    const channel = channelAddress(crypto, profile.contracts, consumer, desk.accountant.address)
    const leastFree = 100n * policy.firstInvoiceAmount
    const refusal = refusalOf(statement.value, { channel, consumer, nowMs: clock.nowMs(), leastFree })
    if (refusal !== undefined) return refuse(refusal)
    const theirs = [...tabs.values()].filter(({ tab }) => tab.terms.consumer === consumer)
    if (theirs.length >= maxTabsEach) theirs[0]?.tab.close()
    const agreementId = toHex(randomBytes(32))
    const { capacity, promised } = statement.value
    const tab: Tab = till.open({
      ...{ agreementId, consumer, accountant: desk.accountant.address, price, capacity, promised, host },
      onRefused: () => tab.close(),
      onClosed: () => void tabs.delete(agreementId),
    })
    return accept(use(tab))
  }

  return {
    provider: keys.identity,
    desk,
    open,
    log,
    take: till.take,
    tab(agreementId) {
      const open = tabs.get(agreementId)
      return open && use(open.tab)
    },
    async close() {
      clearInterval(timer)
      try {
        for (const { tab } of [...tabs.values()]) tab.close(true)
        await desk.flush()
      } finally {
        await desk.close()
      }
    },
  }
}
