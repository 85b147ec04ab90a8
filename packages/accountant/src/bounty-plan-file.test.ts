import { referenceCrypto } from '@myst/protocol'
import { alice, bob, carol } from '@myst/testkit'
import { expect, test } from 'vitest'
import { planIdOf } from './bounty-grant.ts'
import { grantsOf, type PlanFile, provenOf, readPlan } from './bounty-plan-file.ts'

const rows = [
  { provider: alice.identity, credited: '57', bounty: '3' },
  { provider: bob.identity, credited: '19', bounty: '1' },
]
const named = (plan: Omit<PlanFile, 'id'>): PlanFile => ({ ...plan, id: planIdOf(referenceCrypto, grantsOf(plan)) })
const plan = named({
  accountant: carol.identity,
  at: '2026-11-21T12:00:00.000Z',
  budget: '10',
  ofFees: 100,
  credited: '76',
  fees: '4',
  sum: '4',
  rows,
  proven: { credited: '76', fees: '4', providers: { [alice.identity]: '57', [bob.identity]: '19' } },
})
const read = (of: object) => readPlan(referenceCrypto, JSON.stringify(of))

test('a plan is read as it was written, and what was proven with it', () => {
  expect(read(plan)).toEqual(plan)
  const { credited, fees, providers } = provenOf(plan)
  expect([credited, fees, providers.get(bob.identity)]).toEqual([76n, 4n, 19n])
  expect(read(named({ ...plan, rows: [] }))).toMatchObject({ rows: [] })
})

const later = '2026-11-21T12:00:00.001Z'
const changes: [what: string, of: object][] = [
  ['an amount that was changed', { ...plan, rows: [{ ...rows[0], bounty: '4' }, rows[1]] }],
  ['a row that was added', { ...plan, rows: [...rows, { ...rows[0], provider: carol.identity }] }],
  ['another time', { ...plan, at: later }],
  ['a time before all times', { ...plan, at: '1900-01-01T00:00:00.000Z' }],
  ['no time', { ...plan, at: 'soon' }],
  ['a provider that is in it twice', named({ ...plan, rows: [...rows, ...rows] })],
  ['a row with nothing', named({ ...plan, rows: [{ provider: bob.identity, credited: '1', bounty: '0' }] })],
  ['an amount below nothing', { ...plan, rows: [{ ...rows[0], bounty: '-3' }] }],
  ['an amount that is a number', { ...plan, rows: [{ ...rows[0], bounty: 3 }] }],
  ['a row that is none', { ...plan, rows: [null] }],
  ['no rows', { ...plan, rows: undefined }],
  ['no sums', { ...plan, proven: undefined }],
  ['a sum that is none', { ...plan, proven: { ...plan.proven, providers: { [bob.identity]: 'all' } } }],
  ['no accountant', { ...plan, accountant: 'carol' }],
]
test.each(changes)('refuses a plan with %s', (_, of) => expect(read(of)).toEqual({ why: expect.any(String) }))

test.each(['', 'null', '[]', '3', '{"rows": {}}'])('refuses what is no plan: %s', (text) => {
  expect(readPlan(referenceCrypto, text)).toEqual({ why: expect.any(String) })
})
