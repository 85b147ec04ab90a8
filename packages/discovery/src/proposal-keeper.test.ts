import type { Proposal, SignedProposal } from '@myst/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createProposalKeeper,
  type KeeperOptions,
  maxServicesPerProvider,
  type ProposalKeeper,
  wireBytes,
} from './proposal-keeper.ts'
import { bob, crypto, hexOf, identity, networkId, offer, startMs, type TestClock, testClock } from './testing.ts'

const minute = 60_000
const all = { maxBytes: 1_000_000 }

function newKeeper(options: Partial<KeeperOptions> = {}): { keeper: ProposalKeeper; clock: TestClock } {
  const clock = testClock()
  return { clock, keeper: createProposalKeeper({ crypto, nowMs: clock.nowMs }, { networkId, ...options }) }
}
const codeOf = (keeper: ProposalKeeper, signed: SignedProposal, source?: Parameters<ProposalKeeper['offer']>[1]) => {
  const verdict = keeper.offer(signed, source)
  return verdict.verdict === 'accept' ? 'accept' : `${verdict.verdict} ${verdict.code}`
}

test('keeps the first proposal of a provider and hands out the very bytes it signed', () => {
  const { keeper } = newKeeper()
  const signed = offer(bob)
  expect(keeper.offer(signed)).toEqual({ verdict: 'accept', key: `${bob.address}/wireguard` })
  expect(keeper.live()).toEqual([signed])
  expect(keeper.get(`${bob.address}/wireguard`)).toEqual(signed)
})

const flipped = (signed: SignedProposal): SignedProposal => ({
  ...signed,
  signature: signed.signature.with(10, signed.signature[10]! ^ 1),
})
test.each<[string, SignedProposal]>([
  ['reject message-too-large', { ...offer(bob), content: new Uint8Array(2_049) }],
  ['reject message-invalid', { ...offer(bob), content: new Uint8Array(5) }],
  ['reject proposal-wrong-network', offer(bob, { networkId: 'other' })],
  ['reject proposal-country-invalid', offer(bob, { location: { country: 'x1' } })],
  ['ignore proposal-expired', offer(bob, { expiresAtMs: BigInt(startMs) })],
  ['reject proposal-outlives-limit', offer(bob, { expiresAtMs: BigInt(startMs + 24 * 60 * minute) })],
  ['reject proposal-wrong-signer', flipped(offer(bob))],
  ['reject proposal-wrong-signer', offer({ ...bob, privateKey: identity(2).privateKey })],
])('stores nothing and says: %s', (code, signed) => {
  const { keeper } = newKeeper()
  expect(codeOf(keeper, signed)).toBe(code)
  expect(keeper.size).toBe(0)
})

test('replaces by a higher seq only, whoever brings it', () => {
  const { keeper } = newKeeper()
  const cheap = offer(bob, { seq: 5n, price: { perHour: 1n, perGib: 1n } })
  expect(codeOf(keeper, offer(bob, { seq: 4n }))).toBe('accept')
  expect(codeOf(keeper, cheap, { name: 'mallory', maxRecords: 1 })).toBe('accept')
  expect(codeOf(keeper, offer(bob, { seq: 4n }))).toBe('ignore proposal-superseded')
  expect(codeOf(keeper, cheap)).toBe('ignore proposal-known')
  expect(keeper.live()).toEqual([cheap])
  expect(keeper.seqOf(`${bob.address}/wireguard`)).toBe(5n)
})

test('ends with the same records whatever the order of arrival', () => {
  const signed = [1, 2, 3].flatMap((number) =>
    [1n, 2n, 2n, 3n].map((seq, index) =>
      offer(identity(number), {
        seq,
        price: { perHour: BigInt(index), perGib: 1n },
        withdrawn: index === 3 && number === 3,
      }),
    ),
  )
  const resultOf = (order: readonly SignedProposal[]): string[] => {
    const { keeper } = newKeeper()
    for (const each of order) keeper.offer(each)
    return keeper.list({}, all).items.map(hexOf)
  }
  const expected = resultOf(signed)
  fc.assert(
    fc.property(fc.shuffledSubarray(signed, { minLength: signed.length }), (order) => {
      expect(resultOf(order)).toEqual(expected)
    }),
    { numRuns: 20 },
  )
})

describe('a withdrawal', () => {
  const withdrawal = (changes: Partial<Proposal> = {}): SignedProposal =>
    offer(bob, { seq: 2n, withdrawn: true, ...changes })

  test('hides the offer, and travels as a record', () => {
    const { keeper } = newKeeper()
    keeper.offer(offer(bob))
    keeper.offer(withdrawal())
    expect(keeper.live()).toEqual([])
    expect(keeper.list({}, all).items).toEqual([withdrawal()])
    expect(keeper.digests({ maxItems: 10 }).items).toEqual([{ key: `${bob.address}/wireguard`, seq: 2n }])
    expect(codeOf(keeper, offer(bob))).toBe('ignore proposal-superseded')
  })

  test('counts also before the offer arrives', () => {
    const { keeper } = newKeeper()
    keeper.offer(withdrawal())
    expect(codeOf(keeper, offer(bob))).toBe('ignore proposal-superseded')
  })

  test('that expires early keeps the offer away as long as that could have lived', () => {
    const { keeper, clock } = newKeeper()
    keeper.offer(offer(bob))
    keeper.offer(withdrawal({ expiresAtMs: BigInt(startMs + minute) }))
    clock.advance(2 * minute)
    keeper.sweep()
    expect(codeOf(keeper, offer(bob))).toBe('ignore proposal-superseded')
    clock.advance(90 * minute)
    keeper.sweep()
    expect(keeper.size).toBe(0)
    expect(codeOf(keeper, offer(bob))).toBe('ignore proposal-expired')
  })

  test('can be followed by a new offer', () => {
    const { keeper } = newKeeper()
    keeper.offer(withdrawal())
    expect(codeOf(keeper, offer(bob, { seq: 3n }))).toBe('accept')
    expect(keeper.live()).toHaveLength(1)
  })
})

test('shows nothing expired, and forgets it when swept', () => {
  const { keeper, clock } = newKeeper()
  keeper.offer(offer(bob), { name: 'somebody', maxRecords: 1 })
  clock.advance(90 * minute)
  expect([keeper.live(), keeper.list({}, all).items, keeper.digests({ maxItems: 9 }).items]).toEqual([[], [], []])
  expect(keeper.get(`${bob.address}/wireguard`)).toBeUndefined()
  keeper.sweep()
  expect(keeper.size).toBe(0)
  const later = BigInt(clock.nowMs() + minute)
  expect(codeOf(keeper, offer(identity(2), { expiresAtMs: later }), { name: 'somebody', maxRecords: 1 })).toBe('accept')
})

describe('bounds', () => {
  test('services per provider', () => {
    const { keeper } = newKeeper()
    const services = Array.from({ length: maxServicesPerProvider + 1 }, (_, index) => `service-${index}`)
    const codes = services.map((serviceType) => codeOf(keeper, offer(bob, { serviceType })))
    expect(codes.slice(0, -1).every((code) => code === 'accept')).toBe(true)
    expect(codes.at(-1)).toBe('ignore provider-full')
    expect(codeOf(keeper, offer(bob, { serviceType: 'service-0', seq: 2n }))).toBe('accept')
  })

  test('records per source, whoever brought them first', () => {
    const { keeper } = newKeeper()
    const source = { name: '203.0.113', maxRecords: 2 }
    expect([1, 2, 3].map((number) => codeOf(keeper, offer(identity(number)), source))).toEqual([
      'accept',
      'accept',
      'ignore source-full',
    ])
    expect(codeOf(keeper, offer(identity(3)))).toBe('accept')
    expect(codeOf(keeper, offer(identity(3), { seq: 2n }), source)).toBe('accept')
    expect(codeOf(keeper, offer(identity(4)), { ...source, name: '198.51.100' })).toBe('accept')
  })

  test('records in all, with room again once some expired', () => {
    const { keeper, clock } = newKeeper({ maxRecords: 2 })
    keeper.offer(offer(identity(1), { expiresAtMs: BigInt(startMs + minute) }))
    keeper.offer(offer(identity(2)))
    expect(codeOf(keeper, offer(identity(3)))).toBe('ignore keeper-full')
    expect(codeOf(keeper, offer(identity(2), { seq: 2n }))).toBe('accept')
    clock.advance(minute)
    expect(codeOf(keeper, offer(identity(3)))).toBe('accept')
  })

  test('changes per record and time', () => {
    const { keeper, clock } = newKeeper()
    const change = (seq: number): string => codeOf(keeper, offer(bob, { seq: BigInt(seq) }))
    expect([1, 2, 3, 4, 5, 6].map(change)).toEqual(Array(6).fill('accept'))
    expect(change(7)).toBe('ignore proposal-changes-too-often')
    clock.advance(30_000)
    expect([change(7), change(8)]).toEqual(['accept', 'ignore proposal-changes-too-often'])
  })
})

test('finds by country and service', () => {
  const { keeper } = newKeeper()
  keeper.offer(offer(identity(1), { location: { country: 'LT' } }))
  keeper.offer(offer(identity(1), { location: { country: 'LT' }, serviceType: 'proxy' }))
  keeper.offer(offer(identity(2)))
  expect(keeper.live({ country: 'LT' })).toHaveLength(2)
  expect(keeper.live({ country: 'LT', serviceType: 'proxy' })).toHaveLength(1)
  expect(keeper.live({ serviceType: 'wireguard' })).toHaveLength(2)
  expect(keeper.list({ country: 'FR' }, all)).toEqual({ items: [] })
})

test('pages through everything once, within the bytes asked for, also while records come and go', () => {
  const { keeper } = newKeeper()
  const first = Array.from({ length: 20 }, (_, number) => offer(identity(number)))
  for (const signed of first) keeper.offer(signed)
  const maxBytes = 3 * wireBytes(first[0]!) + 10
  const seen: string[] = []
  let after: string | undefined
  let pages = 0
  do {
    const page = keeper.list({}, { maxBytes, ...(after !== undefined && { after }) })
    expect(page.items.reduce((sum, signed) => sum + wireBytes(signed), 0)).toBeLessThanOrEqual(maxBytes)
    seen.push(...page.items.map(hexOf))
    after = page.next
    keeper.offer(offer(identity(100 + pages++)))
  } while (after !== undefined)
  expect(new Set(seen).size).toBe(seen.length)
  for (const signed of first) expect(seen).toContain(hexOf(signed))
  expect(pages).toBeGreaterThan(6)
})
