/**
 * Many sessions that share their money, second by second on a clock of our own: each is looked at, invoiced and ended as a
 * real one is, and the promises are a real book's. `parallel-sessions.test.ts` has two over a link.
 */

import { deriveKeys, openPayerBook, type SpendingLimits } from '@myst/billing'
import { referenceCrypto as crypto, toHex, totalCost } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { type Debtor, lookEveryMs } from './money-left.ts'
import { watchMoney } from './money-watch.ts'

const alice = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const channel = { chainId: 31337n, channel: crypto.addressOf(new Uint8Array(32).fill(0xc4)) }
const hashlock = toHex(new Uint8Array(32).fill(7))
const wallMs = Date.parse('2026-11-21T12:00:00Z')
const invoiceEveryMs = 3_000
/** From a look to the provider's last invoice. */
const endingMs = 500
const stepMs = 100
/** The money is spent in less than half of it. */
const mostMs = 30_000

interface Shared {
  readonly capacity: bigint
  readonly limits: SpendingLimits
}

function world({ capacity, limits }: Shared) {
  let nowMs = 0
  const clock = { nowMs: () => wallMs + nowMs, elapsedMs: () => nowMs }
  const book = openPayerBook(crypto, createMemoryStore(), alice, channel, { limits, nowMs: clock.nowMs })
  const debtors = new Set<Debtor>()
  const funds = { read: async () => ({ capacity }) } as never

  /** It costs `pace` base units a millisecond, and is looked at and invoiced at moments of its own. */
  function session(index: number, pace: bigint) {
    const provider = crypto.addressOf(new Uint8Array(32).fill(0x10 + index))
    const agreementId = toHex(new Uint8Array(32).fill(0x80 + index))
    const price = { perHour: pace * 3_600_000n, perGib: 0n }
    const terms = {
      provider,
      agreementId,
      price,
      pace: { minInvoiceMs: 0, maxInvoiceMs: 300_000, maxInvoiceAmount: 100n },
    }
    const money = watchMoney({ clock, book, funds, debtors }, { terms, shownCapacity: capacity })
    book.open(agreementId)
    const result = { reason: '', refused: [] as string[], owed: 0n }
    let endsAtMs: number | undefined

    function pay(): void {
      const { usage } = money
      const total = totalCost(price, usage)
      const invoice = { agreementId, total, hashlock, ...usage }
      const answered = book.answer(invoice, terms, { nowMs, usage, capacity, sessionOpen: true })
      if (!answered.ok) result.refused.push(answered.refusal.code)
      result.owed = total - book.spentOn(provider, agreementId)
    }

    return {
      result,
      async step(): Promise<void> {
        if (endsAtMs !== undefined) {
          if (nowMs !== endsAtMs) return
          pay()
          return money.close()
        }
        if ((nowMs + index * 700) % invoiceEveryMs === 0) pay()
        if ((nowMs + index * 300) % lookEveryMs !== 0) return
        const advice = await money.look()
        if (advice.kind === 'go-on') return
        result.reason = advice.kind === 'end' ? advice.reason : advice.kind
        money.part()
        endsAtMs = nowMs + endingMs
      },
    }
  }

  return {
    book,
    session,
    pass: () => {
      nowMs += stepMs
    },
  }
}

const plenty = 10n ** 9n
test.each([
  { limit: 'channel', shared: { capacity: 240_000n, limits: {} }, reason: 'money-spent' },
  { limit: 'day', shared: { capacity: plenty, limits: { perDay: 240_000n } }, reason: 'day-limit-reached' },
])('ten sessions that share a $limit end by themselves while all of them can be paid', async ({ shared, reason }) => {
  const { book, session, pass } = world(shared)
  const sessions = Array.from({ length: 10 }, (_, index) => session(index, BigInt(1 + (index % 3))))
  for (let step = 0; step * stepMs < mostMs; step++) {
    pass()
    for (const one of sessions) await one.step()
  }
  expect(sessions.map(({ result }) => result)).toEqual(sessions.map(() => ({ reason, refused: [], owed: 0n })))
  // They used what they could: no more is left than what is kept back for those that end last.
  const left = 240_000n - book.amount
  expect(left).toBeGreaterThanOrEqual(0n)
  expect(left).toBeLessThan(60_000n)
})
