import type { ExchangeReply, SignedContent } from '@myst/protocol'
import { beforeEach, expect, test } from 'vitest'
import { createAdmission, type ExchangeFrom, type Party } from './admission.ts'

const [mallory, bob]: [Party, Party] = [
  { identity: `0x${'bb'.repeat(20)}`, address: '192.0.2.1' },
  { identity: `0x${'b0'.repeat(20)}`, address: '192.0.2.2' },
]
const kib = 1024
const answered: ExchangeReply = { kind: 'refused', code: 'answered' }
let nowMs: number
/** Under way: who it is from, by the first byte, and how to end it. */
let underway: { readonly of: number; end(): void }[]
let exchange: ExchangeFrom

beforeEach(() => {
  nowMs = 0
  underway = []
  exchange = admissionOf(100 * kib)
})

const admissionOf = (bytesPerSecond: number) =>
  createAdmission(
    {
      exchange: ({ content }) =>
        new Promise((resolve) => underway.push({ of: content[0] ?? 0, end: () => resolve(answered) })),
      now: () => nowMs,
    },
    { bytesPerSecond, maxBytes: 64 * kib },
  )
const signed = (of: number, bytes: number): SignedContent => ({
  content: new Uint8Array(bytes).fill(of),
  signature: new Uint8Array(65),
})
const whyOf = async (replying: Promise<ExchangeReply>) => {
  const reply = await replying
  return 'why' in reply ? reply.why : undefined
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a flood of one leaves the others their turns: no more than half is under way for it, and then they alternate', async () => {
  exchange = admissionOf(100_000 * kib)
  for (let index = 0; index < 200; index++) void exchange(signed(1, 16 * kib), mallory)
  expect(underway.map(({ of }) => of)).toEqual(Array.from({ length: 8 }, () => 1))
  for (let index = 0; index < 16; index++) void exchange(signed(2, 16 * kib), bob)
  expect(underway.filter(({ of }) => of === 2)).toHaveLength(8)
  for (const { end } of underway.splice(0)) end()
  await settled()
  expect(underway.filter(({ of }) => of === 2)).toHaveLength(8)
  expect(underway).toHaveLength(16)
})

test('who is above its rate is told at once, costs nothing, and is served again when time has passed', async () => {
  const replies = Array.from({ length: 30 }, () => exchange(signed(1, 10 * kib), mallory))
  const later = replies.slice(20)
  expect(await Promise.all(later.map(whyOf))).toEqual(later.map(() => 'party-too-fast'))
  for (let ended = 0; ended < 20; ended++) {
    underway.shift()?.end()
    await settled()
  }
  expect(await replies[19]).toEqual(answered)
  nowMs = 100
  void exchange(signed(1, 10 * kib), mallory)
  expect(underway).toHaveLength(1)
  expect(await whyOf(exchange(signed(1, 10 * kib), mallory))).toBe('party-too-fast')
  void exchange(signed(2, 10 * kib), bob)
  expect(underway).toHaveLength(2)
})

test('identities cost nothing: those of one address have twice the rate together', async () => {
  let taken = 0
  for (let index = 0; index < 100; index++) {
    const identity = `0x${String(index).padStart(40, '0')}` as const
    const replying = exchange(signed(1, 10 * kib), { identity, address: '192.0.2.1' })
    taken += Number((await Promise.race([whyOf(replying), settled()])) !== 'party-too-fast')
  }
  expect(taken).toBe(40)
})

test('a request counts, however small', async () => {
  const replies = Array.from({ length: 900 }, () => exchange(signed(1, 0), mallory))
  for (let ended = 0; ended < 900; ended++) {
    underway.shift()?.end()
    await settled()
  }
  const whys = await Promise.all(replies.map(whyOf))
  expect(whys.filter((why) => why === 'accountant-busy' || why === 'party-too-fast')).not.toHaveLength(0)
  expect(whys.filter((why) => why === undefined).length).toBeLessThanOrEqual(800)
})

test('more than waits for one party is refused', async () => {
  exchange = admissionOf(100_000 * kib)
  const replies = Array.from({ length: 300 }, () => exchange(signed(1, 16 * kib), mallory))
  expect(await whyOf(replies.at(-1) as Promise<ExchangeReply>)).toBe('accountant-busy')
  void exchange(signed(2, 16 * kib), bob)
  expect(underway.at(-1)?.of).toBe(2)
})

test('the largest request passes at any rate, and when nothing else is under way', () => {
  exchange = admissionOf(1)
  void exchange(signed(1, 64 * kib), mallory)
  expect(underway).toHaveLength(1)
})
