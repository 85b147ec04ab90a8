/**
 * `myst bounty`, as an operator runs it: planned from what was credited, granted once, promised next, and settled like earnings.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadNativeCrypto } from '@myst/crypto-native'
import { myst } from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MoneyWorld, openMoneyWorld, type Pair } from './money.fixture.ts'
import type { Started } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.51.1'
const soon = { timeout: 15_000, interval: 100 }
/** What is left of an amount after the accountant's 5 %. */
const net = (amount: bigint) => (amount * 95n) / 100n
let here: MoneyWorld
let carol: Started
let bob: Pair
let dan: Pair

beforeAll(async () => {
  here = await openMoneyWorld(crypto, host)
  carol = await here.startUp()
  bob = await here.newPair(200n * myst)
  dan = await here.newPair(100n * myst)
  await here.credit(bob, 60n * myst)
  await here.credit(dan, 20n * myst)
}, 90_000)
afterAll(() => here?.close())

async function bounty(...args: string[]) {
  const { exitCode, stdout, stderr } = await here.programs.runMyst('--json', 'bounty', '--config', '4060.json', ...args)
  return { exitCode, stderr, json: JSON.parse(stdout) }
}
const summed = () => expect.poll(() => here.solvency(), soon)
const bountiesOf = async ({ bob: of }: Pair) => {
  const { bounties } = (await bounty('list')).json
  return bounties.find(({ provider }: { provider: string }) => provider === of)
}

test('a plan shares the budget by what was credited, up to the fees, and pays nobody', async () => {
  const planned = await bounty('plan', '--budget', '2', '--out', 'first.json')
  expect([planned.exitCode, planned.stderr]).toEqual([0, ''])
  expect(planned.json).toMatchObject({
    credited: String(net(80n * myst)),
    fees: String(4n * myst),
    sum: String(2n * myst),
    rows: [
      { provider: bob.bob, credited: String(net(60n * myst)), bounty: String((3n * myst) / 2n) },
      { provider: dan.bob, credited: String(net(20n * myst)), bounty: String(myst / 2n) },
    ],
  })
  // All the fees, and no more, whatever the budget is.
  const generous = (await bounty('plan', '--budget', '100')).json
  expect(generous).toMatchObject({ sum: String(4n * myst), rows: [{ bounty: String(3n * myst) }, {}] })
  expect((await bounty('list')).json).toEqual({ bounties: [] })
  const again = await bounty('plan', '--budget', '2', '--out', 'first.json')
  expect([again.exitCode, again.json.error.code]).toEqual([1, 'file-exists'])
}, 60_000)

test('people see the plan as a table, and are told when dealing with oneself would pay', async () => {
  const run = (...more: string[]) =>
    here.programs.runMyst('bounty', '--config', '4060.json', 'plan', '--budget', '10', ...more)
  const { stdout } = await run()
  expect(stdout).toContain('57 MYST')
  expect(stdout).toContain('Planned: 4 MYST for 2, nothing is granted yet.')
  expect(stdout).not.toContain('pays itself')
  expect((await run('--of-fees', '250')).stdout).toContain('pays itself')
}, 60_000)

test('what is spare must cover it, a plan is granted as it was made, and by the operator alone', async () => {
  await here.programs.runMyst(
    'bounty',
    '--config',
    '4060.json',
    'plan',
    '--budget',
    '2000',
    '--of-fees',
    '100000',
    '--out',
    'large.json',
  )
  const large = await bounty('grant', 'large.json')
  expect([large.exitCode, large.json.error]).toMatchObject([1, { code: 'bounty-uncovered' }])
  const plan = readFileSync(join(here.world.dir, 'first.json'), 'utf8')
  writeFileSync(join(here.world.dir, 'edited.json'), plan.replace(String((3n * myst) / 2n), String(5n * myst)))
  const edited = await bounty('grant', 'edited.json')
  expect([edited.exitCode, edited.json.error]).toMatchObject([2, { code: 'plan-unreadable' }])
  expect((await here.ask(bob, 'GET', '/v1/bounties')).http).toBe(401)
  expect((await here.ask(bob, 'POST', '/v1/bounties', new Uint8Array([1]))).http).toBe(401)
  expect((await bounty('list')).json).toEqual({ bounties: [] })
}, 60_000)

test('granted twice, and over a kill, it is promised once, and settled to the wei', async () => {
  const given = (3n * myst) / 2n
  expect((await bounty('grant', 'first.json')).json).toMatchObject({ granted: 2, known: 0, amount: String(2n * myst) })
  await summed().toMatchObject({ providers: { bounties: String(2n * myst) } })
  carol.child.kill('SIGKILL')
  await carol.ended
  carol = await here.startUp()
  expect((await bounty('grant', 'first.json')).json).toMatchObject({ granted: 0, known: 2, amount: '0' })
  expect(await bountiesOf(bob)).toEqual({
    provider: bob.bob,
    granted: String(given),
    credited: '0',
    pending: String(given),
  })

  await here.credit(bob, 10n * myst)
  expect(bob.newest?.amount).toBe(net(70n * myst) + given)
  carol.child.kill('SIGKILL')
  await carol.ended
  carol = await here.startUp()
  await here.credit(bob, 10n * myst)
  expect(bob.newest?.amount).toBe(net(80n * myst) + given)
  expect(await bountiesOf(bob)).toEqual({
    provider: bob.bob,
    granted: String(given),
    credited: String(given),
    pending: '0',
  })
  await summed().toMatchObject({
    solvent: true,
    providers: { promised: String(net(100n * myst) + given), bounties: String(myst / 2n) },
  })

  await here.settle(bob)
  expect((await here.providerOf(bob)).settled).toBe(net(80n * myst) + given)
  expect(await here.balanceOf(bob.bob)).toBe(net(80n * myst) + given)
}, 120_000)

test('the next plan counts from the last one, and bounties are no earnings', async () => {
  const next = (await bounty('plan', '--budget', '100', '--since', 'first.json')).json
  expect(next).toMatchObject({
    credited: String(net(20n * myst)),
    fees: String(myst),
    rows: [{ provider: bob.bob, credited: String(net(20n * myst)), bounty: String(myst) }],
  })
  expect(next.rows).toHaveLength(1)
}, 60_000)

test('without an accountant that runs it says so', async () => {
  carol.child.kill('SIGTERM')
  expect((await carol.ended).exitCode).toBe(0)
  const { exitCode, json } = await bounty('list')
  expect([exitCode, json.error.code]).toEqual([3, 'accountant-not-running'])
}, 60_000)
