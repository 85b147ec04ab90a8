/**
 * F8: the accountant's process stands still for five seconds, and one that has no file descriptors left: it answers again when
 * it can, and what it answered is there, once.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadNativeCrypto } from '@myst/crypto-native'
import { endProcess } from '@myst/devnet'
import { myst } from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestChain, postBatch, type TestChain } from './chain.fixture.ts'
import { createPair, type Pair } from './pair.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.53.3'
const programPath = fileURLToPath(new URL('../packages/accountant/src/main.ts', import.meta.url))
const step = 10n ** 15n
const stallMs = 5000
/** The program itself has some 40 open. */
const descriptors = 96
let world: TestChain
let configFile: string
let pairs: readonly Pair[]
const amounts = new Map<Pair, bigint>()
let rounds = 0

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  configFile = await world.writeConfig()
  const opened: Pair[] = []
  for (let seed = 1; seed <= 10; seed++) opened.push(await createPair(crypto, world, seed, 5n * myst))
  pairs = opened
}, 90_000)
afterAll(() => world?.close())

async function startAccountant() {
  const args = ['-c', `ulimit -n ${descriptors} && exec "$0" "$@"`, process.execPath, programPath]
  const child = spawn('sh', [...args, configFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout }), 'line')
  return child
}

/** Each pair one step more. */
function creditAll(): Promise<string[]> {
  rounds += 1
  return Promise.all(
    pairs.map((pair) => {
      amounts.set(pair, (amounts.get(pair) ?? 0n) + step)
      return pair.credit(amounts.get(pair) as bigint)
    }),
  )
}
const allAccepted = () => pairs.map(() => 'accepted')

async function expectAll(): Promise<void> {
  const status = (await (await fetch(`${world.accountantUrl}/v1/status`)).json()) as Record<string, string>
  expect(BigInt(status.credited ?? 0) + BigInt(status.fees ?? 0)).toBe(BigInt(rounds * pairs.length) * step)
  expect(status.promises).toBe(rounds * pairs.length)
  for (const pair of pairs) {
    const { batch, signed } = pair.last()
    expect(await postBatch(world.accountantUrl, batch)).toEqual({ kind: 'answered', answer: signed })
  }
}

test('F8: what was asked while the process stood still is answered afterwards, and the next too', async () => {
  const carol = await startAccountant()
  try {
    expect(await creditAll()).toEqual(allAccepted())
    carol.kill('SIGSTOP')
    const asked = creditAll()
    await sleep(stallMs)
    carol.kill('SIGCONT')
    expect(await asked).toEqual(allAccepted())
    expect(await creditAll()).toEqual(allAccepted())
    await expectAll()
  } finally {
    await endProcess(carol)
  }
}, 90_000)

test('F8: without file descriptors it hangs up on who comes, and goes on when some are free; nothing is lost', async () => {
  const carol = await startAccountant()
  const idle: Socket[] = []
  try {
    expect(await creditAll()).toEqual(allAccepted())
    let hungUp = 0
    const count = () => {
      hungUp += 1
    }
    while (idle.length < 2 * descriptors) {
      idle.push(
        connect(4060, host)
          .on('error', () => {})
          .once('close', count),
      )
    }
    // Who comes when all are taken is told so at once, and does not wait for ever.
    await expect.poll(() => hungUp, { timeout: 10_000 }).toBeGreaterThan(descriptors)
    expect(carol.exitCode).toBe(null)
    const { batch, signed } = (pairs[0] as Pair).last()
    for (const socket of idle) socket.destroy()
    await expect
      .poll(() => fetch(`${world.accountantUrl}/healthz`).then(({ status }) => status, String), { timeout: 20_000 })
      .toBe(200)
    expect(await postBatch(world.accountantUrl, batch)).toEqual({ kind: 'answered', answer: signed })
    expect(await creditAll()).toEqual(allAccepted())
    await expectAll()
  } finally {
    for (const socket of idle) socket.destroy()
    await endProcess(carol)
  }
}, 90_000)
