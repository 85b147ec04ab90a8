/**
 * Watches the money of one session: it warns before the money ends, and says when to end or to show new money, while
 * everybody who is owed something can still be paid.
 *
 * @module
 */

import type { Clock, PayerBook } from '@myst/billing'
import type { PayerTerms } from '@myst/payments'
import { maxOf, minOf, totalCost, type Usage } from '@myst/protocol'
import type { TrafficStats } from '@myst/vpn'
import type { FundsReader } from '../funds.ts'
import type { ConnectionView } from '../node-core.ts'
import { atMost } from '../patient.ts'
import { createPacer, type Debtor, type Limit, type MoneyLeft, moneyLeft, sharedLimits } from './money-left.ts'

export interface MoneyWatchDeps {
  readonly clock: Clock
  readonly book: PayerBook
  readonly funds: Pick<FundsReader, 'read'>
  /** The live sessions of the channel; this one is among them until it is closed. */
  readonly debtors: Set<Debtor>
}

/** What to do with the session. */
export type MoneyAdvice =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'show-new-money' }
  | { readonly kind: 'end'; readonly reason: string }

export interface MoneyWatch {
  readonly warning: ConnectionView['warning']
  /** By the newest count of traffic. */
  readonly usage: Usage
  count(stats: TrafficStats): void
  look(): Promise<MoneyAdvice>
  /** The last invoice is being paid. */
  part(): void
  close(): void
}

/** Before the money ends the person hears of it, and has time to do something about it. */
const warnMs = 600_000
/** A session is interrupted for new money that lasts this long at least. */
const worthwhileMs = 60_000
/** The channel is looked at so often while there is enough on it: a look is some calls of the chain. */
const calmMs = 30_000
/** A chain that hangs holds up no look at the limits. */
const chainPatienceMs = 1_000

const reasons = { budget: 'budget-spent', day: 'day-limit-reached', channel: 'money-spent' } as const satisfies Record<
  Limit,
  string
>

/** @param shownCapacity what the provider was shown: of a top-up since then it knows nothing. */
export function watchMoney(
  { clock, book, funds, debtors }: MoneyWatchDeps,
  { terms, shownCapacity }: { readonly terms: PayerTerms; readonly shownCapacity: bigint },
): MoneyWatch {
  const { provider, agreementId, budget } = terms
  const startedMs = clock.elapsedMs()
  const pacer = createPacer(startedMs)
  let bytes = 0n
  let isParting = false
  let warning: ConnectionView['warning']

  const usageNow = (): Usage => ({ durationMs: BigInt(clock.elapsedMs() - startedMs), bytes })
  const spent = () => book.spentOn(provider, agreementId)
  const own: Debtor = {
    provider,
    pacer,
    get owed() {
      return maxOf(0n, totalCost(terms.price, usageNow()) - spent())
    },
    get isParting() {
      return isParting
    },
  }
  debtors.add(own)

  /** The last one known while the chain is away: the provider counts no more than it was shown. */
  async function capacityWithin(maxAgeMs: number): Promise<bigint> {
    let capacity = shownCapacity
    const reading = funds.read(maxAgeMs).then((read) => {
      capacity = read.capacity
    })
    await atMost(chainPatienceMs, reading)
    return capacity
  }

  function limitsLeft(capacity: bigint): MoneyLeft[] {
    const mine = budget === undefined ? [] : [moneyLeft('budget', budget - spent(), [own])]
    return [...mine, ...sharedLimits({ book, debtors }, provider, minOf(capacity, shownCapacity))]
  }

  function warnOf(left: readonly MoneyLeft[]): void {
    const [first] = left
      .flatMap(({ limit, lastsMs: endsInMs }) => (endsInMs === undefined ? [] : [{ limit, endsInMs }]))
      .toSorted((a, b) => a.endsInMs - b.endsInMs)
    warning = first !== undefined && first.endsInMs < warnMs ? first : undefined
  }

  return {
    get warning() {
      return warning
    },
    get usage() {
      return usageNow()
    },
    count({ sentBytes, receivedBytes }) {
      bytes = sentBytes + receivedBytes
    },
    async look() {
      const capacity = await capacityWithin(calmMs)
      pacer.note(clock.elapsedMs(), totalCost(terms.price, usageNow()))
      const left = limitsLeft(capacity)
      warnOf(left)
      const over = left.find(({ free, reserve }) => free <= reserve)
      if (over === undefined) return { kind: 'go-on' }
      const end = { kind: 'end', reason: reasons[over.limit] } as const
      if (over.limit !== 'channel') return end
      const { free, reserve, lastsMs } = moneyLeft('channel', (await capacityWithin(0)) - book.amount, debtors)
      return free > reserve && (lastsMs ?? worthwhileMs) >= worthwhileMs ? { kind: 'show-new-money' } : end
    },
    part() {
      isParting = true
    },
    close() {
      debtors.delete(own)
    },
  }
}
