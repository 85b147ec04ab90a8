/**
 * `node bounty-main.ts <config.json> list`, `… plan '{"budget": "…", "ofFees": 100, "least": "0", "most"?, "only"?: […], "since"?:
 * "plan.json"}'`, `… grant plan.json`: one answer as JSON on stdout, or `{error}`.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
// First: it refuses an old Node before anything native is loaded.
import { type Config, readConfig, readProfile } from '@myst/program'
import { type Address, type Crypto, encodeMessage, Fault } from '@myst/protocol'
import { answerOnce } from './answer-once.ts'
import { askRunning, type RunningAccountant, runningOf, urlOf } from './ask-running.ts'
import { bountyPlanSchema, maxPlanRows, planIdOf } from './bounty-grant.ts'
import { nothingProven, type Proven, provenSince, shareBudget } from './bounty-plan.ts'
import { grantsOf, type PlanFile, provenOf, readPlan } from './bounty-plan-file.ts'
import { accountantOf } from './which-accountant.ts'

const [configPath, what, given = ''] = process.argv.slice(2)
/** A plan of thousands of rows is some groups of the ledger. */
const answeredWithinMs = 60_000

interface Standings {
  readonly credited: string
  readonly fees: string
  readonly providers: readonly { readonly provider: Address; readonly proven: string }[]
}

interface PlanAsked {
  readonly budget: string
  readonly ofFees: number
  readonly least: string
  readonly most?: string
  readonly only?: readonly Address[]
  readonly since?: string
}

async function answer(config: Config): Promise<object> {
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const crypto = await loadNativeCrypto()
  const profile = await readProfile(config.text('profile'))
  const accountant = accountantOf(config, profile)
  const running = await runningOf(crypto, config, profile)
  if (what === 'list') return ask(crypto, running, 'GET')
  if (what === 'grant') {
    const plan = grantsOf(await planAt(crypto, given, accountant))
    if (plan.rows.length === 0) throw new Fault('plan-unreadable', { path: given, why: 'it gives nobody anything' })
    return ask(crypto, running, 'POST', encodeMessage(bountyPlanSchema, plan))
  }
  return plan(crypto, accountant, (await ask(crypto, running, 'GET')) as Standings, JSON.parse(given))
}

async function plan(crypto: Crypto, accountant: Address, now: Standings, asked: PlanAsked): Promise<PlanFile> {
  const { budget, ofFees, least, most, only, since: path } = asked
  const earlier = path === undefined ? undefined : await planAt(crypto, path, accountant)
  const proven: Proven = {
    credited: BigInt(now.credited),
    fees: BigInt(now.fees),
    providers: new Map(now.providers.map((of) => [of.provider, BigInt(of.proven)])),
  }
  const since = provenSince(proven, earlier === undefined ? nothingProven : provenOf(earlier))
  if (since === undefined) throw new Fault('plan-unreadable', { path, why: 'more was credited then than now' })
  const terms = {
    budget: BigInt(budget),
    ofFees: BigInt(ofFees),
    least: BigInt(least),
    ...(most === undefined ? {} : { most: BigInt(most) }),
    ...(only === undefined ? {} : { only: new Set(only) }),
  }
  const shared = shareBudget(since, terms, maxPlanRows)
  const rows = shared.map(({ provider, credited, bounty }) => {
    return { provider, credited: String(credited), bounty: String(bounty) }
  })
  const at = new Date().toISOString()
  return {
    id: planIdOf(crypto, grantsOf({ at, rows })),
    accountant,
    at,
    ...(earlier === undefined ? {} : { since: earlier.at }),
    budget,
    ofFees,
    credited: String(since.credited),
    fees: String(since.fees),
    sum: String(shared.reduce((sum, { bounty }) => sum + bounty, 0n)),
    rows,
    proven: {
      credited: now.credited,
      fees: now.fees,
      providers: Object.fromEntries(now.providers.map((of) => [of.provider, of.proven])),
    },
  }
}

async function planAt(crypto: Crypto, path: string, accountant: Address): Promise<PlanFile> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new Fault('plan-unreadable', { path, why: (cause as NodeJS.ErrnoException).code ?? 'unreadable' }, { cause })
  }
  const plan = readPlan(crypto, text)
  if ('why' in plan) throw new Fault('plan-unreadable', { path, why: plan.why })
  if (plan.accountant !== accountant) throw new Fault('plan-unreadable', { path, why: 'it is of another accountant' })
  return plan
}

async function ask(
  crypto: Crypto,
  running: RunningAccountant,
  method: 'GET' | 'POST',
  body?: Uint8Array,
): Promise<object> {
  const url = urlOf(running)
  const call = { method, path: '/v1/bounties', withinMs: answeredWithinMs, ...(body === undefined ? {} : { body }) }
  const failed = (why: string, cause?: unknown) => new Fault('bounty-failed', { url, why }, { cause })
  const response = await askRunning(crypto, running, call, failed)
  if (response === undefined) throw new Fault('accountant-not-running', { url })
  const text = await response.text()
  if (response.status === 422) {
    const { code, facts } = JSON.parse(text)
    throw new Fault(code, facts)
  }
  if (!response.ok) throw failed(`${response.status} ${text.slice(0, 200)}`)
  return JSON.parse(text)
}

await answerOnce(async () => answer(await readConfig(configPath)))
