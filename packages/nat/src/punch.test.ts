import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { canMakeNamespaces, createLab, type Host, type Lab, type RouterKind } from '@myst/netlab'
import { afterEach, describe, expect, test } from 'vitest'
import type { PunchResult } from './index.ts'

const needs = await canMakeNamespaces()
const testFile = (name: string) => join(import.meta.dirname, '..', 'test', `${name}.ts`)
const servers = ['198.18.0.2', '203.0.113.2'] as const

let lab: Lab | undefined
afterEach(async () => {
  await lab?.close()
  lab = undefined
})

interface Report {
  readonly result?: PunchResult
  readonly ms?: number
  readonly greeted?: string
  readonly signal?: Uint8Array
}

function start(host: Host, script: string, ...args: string[]): ChildProcess {
  return host.node(testFile(script), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
}

/** One listener throughout: of two messages that come in together, `once` would lose the second. */
function report(child: ChildProcess, wanted: keyof Report): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>()
  const late = setTimeout(() => reject(new Error(`no ${wanted} in time`)), 10_000)
  child.on('message', (message: Report) => {
    if (message[wanted] === undefined) return
    clearTimeout(late)
    resolve(message)
  })
  return promise
}

interface PunchOptions {
  readonly timeoutMs?: number
  readonly secrets?: readonly [string, string]
  readonly refuse?: boolean
}

/** Alice, who initiates, and Bob, each behind a router of the kind. `undefined`: a public host. */
async function punchBetween(alice: RouterKind | undefined, bob: RouterKind | undefined, options: PunchOptions = {}) {
  const world = await createLab({ name: 'punch' })
  lab = world
  const place = async (name: string, kind: RouterKind | undefined, address: string) =>
    kind === undefined
      ? world.host(name, { address })
      : (await world.router(`${name} home`, { ...kind, address })).host(name)
  const [first, second, aliceHost, bobHost] = await Promise.all([
    world.host('first', { address: servers[0] }),
    world.host('second', { address: servers[1] }),
    place('alice', alice, '203.0.113.8'),
    place('bob', bob, '203.0.113.7'),
  ])
  const programs = [
    start(first, 'stun', servers[0]),
    start(second, 'stun', servers[1]),
    start(aliceHost, 'puncher', 'initiator', ...servers),
    start(bobHost, 'puncher', 'responder', ...servers),
  ] as const
  await Promise.all(programs.map((program) => once(program, 'message')))
  const [, , a, b] = programs
  a.on('message', ({ signal }: Report) => signal && b.send({ signal }))
  b.on('message', ({ signal }: Report) => signal && a.send({ signal }))

  const { timeoutMs = 3_000, secrets = ['a secret of two', 'a secret of two'], refuse = false } = options
  const reports = Promise.all([report(a, 'result'), report(b, 'result')])
  for (const [index, program] of [a, b].entries())
    program.send({ start: { timeoutMs, refuse, secret: secrets[index]?.padEnd(16) } })
  const [ours, theirs] = await reports
  return { a, b, ours, theirs }
}

/** Both bind what they won, greet each other, and hear the greeting: the path is there for a tunnel. */
async function expectPath({ a, b, ours, theirs }: Awaited<ReturnType<typeof punchBetween>>) {
  expect(ours.result).toMatchObject({ kind: 'direct' })
  expect(theirs.result).toMatchObject({ kind: 'direct' })
  const greetings = Promise.all([report(a, 'greeted'), report(b, 'greeted')])
  for (const [program, { result }] of [[a, ours] as const, [b, theirs] as const])
    if (result?.kind === 'direct') program.send({ greet: { localPort: result.localPort, ...result.remote } })
  expect(await greetings).toMatchObject([{ greeted: 'hello' }, { greeted: 'hello' }])
  console.log(`punched in ${ours.ms?.toFixed(0)} and ${theirs.ms?.toFixed(0)} ms`)
}

const cone = { kind: 'cone' } as const
const symmetric = { kind: 'symmetric' } as const

describe.skipIf(!needs.ok)(`punch${needs.ok ? '' : ` (${needs.why})`}`, () => {
  const found: [string, RouterKind | undefined, RouterKind | undefined][] = [
    ['cone and cone', cone, cone],
    ['cone and cone, both open', { ...cone, open: true }, { ...cone, open: true }],
    ['symmetric and cone', symmetric, cone],
    ['cone and symmetric', cone, symmetric],
    ['symmetric and cone, both open', { ...symmetric, open: true }, { ...cone, open: true }],
    ['symmetric and full cone', symmetric, { kind: 'full-cone' }],
    ['symmetric and no router', symmetric, undefined],
  ]
  test.each(found)('finds a path: %s', async (_, alice, bob) => expectPath(await punchBetween(alice, bob)))

  test('gives up at once: symmetric and symmetric', async () => {
    const { ours, theirs } = await punchBetween(symmetric, symmetric)
    expect([ours.result, theirs.result]).toContainEqual({ kind: 'gave-up', reason: 'both-symmetric' })
    expect([ours.result?.kind, theirs.result?.kind]).toEqual(['gave-up', 'gave-up'])
    expect(ours.ms).toBeLessThan(1_000)
  })

  test('gives up in time where the other side does not know the secret', async () => {
    const { ours, theirs } = await punchBetween(cone, cone, { timeoutMs: 400, secrets: ['one', 'another'] })
    const failed = ['no-path-found', 'peer-gave-up']
    for (const { result, ms } of [ours, theirs]) {
      expect(result?.kind === 'gave-up' && failed.includes(result.reason)).toBe(true)
      expect(ms).toBeLessThan(1_000)
    }
  })

  test('sends nothing to an address that its owner refuses', async () => {
    const { ours } = await punchBetween(cone, cone, { refuse: true })
    expect(ours.result).toEqual({ kind: 'gave-up', reason: 'address-refused' })
  })
})
