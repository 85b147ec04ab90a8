/**
 * A provider's desks: one for each accountant of the network. One that does not answer holds up no other.
 *
 * @module
 */

import {
  type Clock,
  createAccountantClient,
  type DeskDeps,
  type DeskStanding,
  type ExchangeDesk,
  type NodeKeys,
  openExchangeDesk,
  type PaymentPolicy,
  storedPromises,
} from '@myst/billing'
import type { ChainClient } from '@myst/chain'
import type { ItemOutcome } from '@myst/payments'
import { type Address, type Crypto, derivePreimage, Fault, type NetworkProfile } from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import type { EarningsSource } from '../settlement/settler.ts'
import { readFeeRate, readOperator } from './accountant-terms.ts'
import { isExitPending } from './pending-exit.ts'

export interface Desks {
  readonly open: ReadonlyMap<Address, ExchangeDesk>
  /** Of all of them together. */
  readonly standing: DeskStanding
  /** Opens those that are not. @throws Fault of the first accountant where none can be opened. */
  openAll(): Promise<void>
  /** What can be settled: of open desks, and of accountants that promised something in earlier runs. */
  sources(): ReadonlyMap<Address, EarningsSource>
  flush(): Promise<void>
  close(): Promise<void>
}

export interface DesksDeps extends Pick<DeskDeps, 'promisedBefore'> {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly client: ChainClient
  readonly onOutcomes: (outcomes: readonly ItemOutcome[]) => void
  readonly log: (line: string) => void
}

/** An accountant that had not answered when the first service was offered. */
const openAgainMs = 30_000

export function createDesks(
  deps: DesksDeps,
  {
    keys,
    profile,
    policy,
  }: { readonly keys: NodeKeys; readonly profile: NetworkProfile; readonly policy: PaymentPolicy },
): Desks {
  const { client, log } = deps
  const { chainId } = profile
  const open = new Map<Address, ExchangeDesk>()
  const stored = storedPromises(deps.store)
  let opening: Promise<void> | undefined
  let again: NodeJS.Timeout | undefined

  async function openOne(accountant: NetworkProfile['accountants'][number]): Promise<void> {
    const { address } = accountant
    const domain = { chainId, verifyingContract: address }
    const desk = await openExchangeDesk(
      {
        ...deps,
        client: createAccountantClient(deps, keys, domain, accountant),
        feeRate: () => readFeeRate(client, address),
        operator: () => readOperator(client, address),
        isLeaving: (consumer) => isExitPending(deps, profile, { consumer, accountant: address }),
      },
      {
        keys,
        chainId,
        contracts: profile.contracts,
        accountant,
        policy: policy.exchange,
        feeLimit: policy.feeLimit,
        unprovedRefusals: policy.unprovedRefusals,
      },
    )
    open.set(address, desk)
  }

  async function openMissing(): Promise<void> {
    const missing = profile.accountants.filter(({ address }) => !open.has(address))
    const tried = await Promise.allSettled(missing.map(openOne))
    const faults = tried.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    const bug = faults.find((fault) => !(fault instanceof Fault))
    if (bug !== undefined) throw bug
    if (open.size === 0) throw faults[0]
    for (const fault of faults) log(`${fault.message}; it is asked again`)
    if (faults.length > 0) again ??= setInterval(() => void openAll().catch(() => {}), openAgainMs)
    else clearInterval(again)
  }

  function openAll(): Promise<void> {
    opening ??= openMissing().finally(() => {
      opening = undefined
    })
    return opening
  }

  const fromDesk = (desk: ExchangeDesk): EarningsSource => ({
    uncredited: desk.standing.uncredited,
    newest() {
      const newest = desk.newest()
      return newest && { amount: newest.promise.amount, signature: newest.promise.signature, preimage: newest.preimage }
    },
    flush: () => desk.flush(),
  })

  const sum = (of: (standing: DeskStanding) => bigint) =>
    [...open.values()].reduce((total, { standing }) => total + of(standing), 0n)
  const tally = (of: (standing: DeskStanding) => number) =>
    [...open.values()].reduce((total, { standing }) => total + of(standing), 0)

  return {
    open,
    get standing() {
      return {
        uncredited: sum(({ uncredited }) => uncredited),
        credited: sum(({ credited }) => credited),
        fees: sum(({ fees }) => fees),
        bounties: sum(({ bounties }) => bounties),
        batches: tally(({ batches }) => batches),
        promises: tally(({ promises }) => promises),
      }
    },
    openAll,
    sources() {
      const sources = new Map<Address, EarningsSource>()
      for (const [accountant, { amount, signature, epoch }] of stored) {
        const preimage = derivePreimage(keys.preimageSecret, { chainId, accountant }, epoch)
        const newest = { amount, signature, preimage }
        sources.set(accountant, { uncredited: 0n, newest: () => newest, flush: async () => {} })
      }
      for (const [accountant, desk] of open) sources.set(accountant, fromDesk(desk))
      return sources
    },
    async flush() {
      await Promise.all([...open.values()].map((desk) => desk.flush()))
    },
    async close() {
      clearInterval(again)
      await opening?.catch(() => {})
      await Promise.all([...open.values()].map((desk) => desk.close()))
    },
  }
}
