import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, createApiClient, nodeFiles, openNode, routes, type StatusJson } from '@myst/api'
import { Fault, myst } from '@myst/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ApiServer, startApiServer } from './api-server.ts'
import { openApiToken } from './api-token.ts'
import { createChangeSignal } from './change-signal.ts'
import { alice, bob, createFakeCore, cues, type FakeCore } from './fake-core.fixture.ts'

let dataDir: string
let core: FakeCore
let server: ApiServer
let client: ApiClient
let stopped = 0
const logged: string[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'myst-api-'))
  const { changed, onChange } = createChangeSignal()
  core = createFakeCore(changed)
  server = await startApiServer(
    { core, identities: async () => [alice, bob], stop: () => stopped++, onChange, log: (line) => logged.push(line) },
    { dataDir, tcp: { host: '127.0.0.1', port: 0 } },
  )
  client = await openNode(dataDir)
})

afterAll(async () => {
  await server.close()
  await rm(dataDir, { recursive: true })
})

beforeEach(() => {
  core.writes.length = 0
})

interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly code: unknown
}

const port = (): string => new URL(server.url as string).port

/** Sends bytes as they are, over TCP: what no client of ours would ever send. */
function sendRaw(request: string | readonly string[]): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port()), '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    // Refused while it still sends: the answer may be cut off by the reset, and that is refusal enough.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('close', () => {
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
      let code: unknown
      try {
        code = JSON.parse(body).code
      } catch {}
      resolve({ status, text, code })
    })
    for (const part of [request].flat()) socket.write(part)
  })
}

interface Parts {
  readonly method?: string
  readonly path?: string
  readonly host?: string | null
  readonly token?: string | null
  readonly type?: string | null
  readonly headers?: readonly string[]
  readonly body?: string
}

function rawRequest({
  method = 'PUT',
  path = '/v1/connections',
  host,
  token,
  type,
  headers = [],
  body,
}: Parts): string {
  const content = body ?? '{"serviceType":"proxy"}'
  const lines = [
    `${method} ${path} HTTP/1.1`,
    ...(host === null ? [] : [`host: ${host ?? `127.0.0.1:${port()}`}`]),
    ...(token === null ? [] : [`authorization: Bearer ${token ?? server.token}`]),
    ...(type === null ? [] : [`content-type: ${type ?? 'application/json'}`]),
    'connection: close',
    `content-length: ${Buffer.byteLength(content)}`,
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n${content}`
}

test('a request made by hand is answered, so that the refusals below are refused for what they say', async () => {
  const { status, text } = await sendRaw(rawRequest({}))
  expect(status).toBe(200)
  expect(text).toContain('"state":"connected"')
  expect(core.writes).toEqual(['connect NL proxy undefined'])
})

test('a write that is repeated under its key is answered as before, and done once; on both listeners', async () => {
  const first = await client.connect({ serviceType: 'proxy' }, { idempotencyKey: 'one' })
  expect(await client.connect({ serviceType: 'proxy' }, { idempotencyKey: 'one' })).toEqual(first)
  expect((await sendRaw(rawRequest({ headers: ['idempotency-key: one'] }))).status).toBe(200)
  expect(core.writes).toHaveLength(1)
  const other = client.connect({ serviceType: 'proxy', country: 'DE' }, { idempotencyKey: 'one' })
  await expect(other).rejects.toMatchObject({ code: 'idempotency-key-reused' })
  expect(core.writes).toHaveLength(1)
  // Reading is no write: it is never answered from memory.
  const { registered } = await client.status({}, { idempotencyKey: 'one' })
  expect(registered).toBe((await client.status()).registered)
})

test('a withdrawal is given the key that it is repeated under', async () => {
  await expect(client.withdraw({}, { idempotencyKey: 'withdrawn' })).rejects.toMatchObject({
    code: 'nothing-to-withdraw',
  })
  await expect(client.withdraw()).rejects.toMatchObject({ code: 'nothing-to-withdraw' })
  expect(core.writes).toEqual(['withdraw withdrawn', 'withdraw'])
})

const json = (value: object): string => JSON.stringify({ serviceType: 'proxy', ...value })
const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`

/** In the order of the checks. */
const refusals: readonly (readonly [what: string, code: string, parts: () => Parts])[] = [
  ['a foreign name as Host', 'host-not-allowed', () => ({ host: `evil.example:${port()}` })],
  ['the address of the machine in its LAN as Host', 'host-not-allowed', () => ({ host: `192.168.1.2:${port()}` })],
  ['a name that resolves to loopback', 'host-not-allowed', () => ({ host: `127.0.0.1.nip.io:${port()}` })],
  ['a trailing dot', 'host-not-allowed', () => ({ host: `localhost.:${port()}` })],
  ['Host without the port', 'host-not-allowed', () => ({ host: '127.0.0.1' })],
  ['Host with another port', 'host-not-allowed', () => ({ host: '127.0.0.1:1' })],
  ['no Host', 'host-not-allowed', () => ({ host: null })],
  ['a foreign Origin', 'origin-not-allowed', () => ({ headers: ['origin: https://evil.example'] })],
  ['Origin null', 'origin-not-allowed', () => ({ headers: ['origin: null'] })],
  [
    'our address with another port as Origin',
    'origin-not-allowed',
    () => ({ headers: ['origin: http://127.0.0.1:1'] }),
  ],
  ['no token', 'token-missing', () => ({ token: null })],
  ['another scheme', 'token-missing', () => ({ token: null, headers: ['authorization: Basic YTpi'] })],
  ['a wrong token', 'token-wrong', () => ({ token: 'f'.repeat(64) })],
  ['a token cut short', 'token-wrong', () => ({ token: server.token.slice(0, -1) })],
  ['a token that goes on', 'token-wrong', () => ({ token: `${server.token}0` })],
  ['no token on a path that is none', 'token-missing', () => ({ token: null, path: '/v1/none' })],
  ['a text body, as a foreign page can send', 'content-type-not-json', () => ({ type: 'text/plain' })],
  ['a form', 'content-type-not-json', () => ({ type: 'application/x-www-form-urlencoded' })],
  ['no content type', 'content-type-not-json', () => ({ type: null })],
  ['a path that is none', 'path-unknown', () => ({ path: '/v1/none' })],
  ['a path upwards', 'path-unknown', () => ({ path: '/v1/../../etc/passwd' })],
  ['a method that the path has not', 'path-unknown', () => ({ method: 'POST' })],
  ['HEAD', 'path-unknown', () => ({ method: 'HEAD', path: '/v1/none' })],
  ['a body above the limit', 'body-too-large', () => ({ body: json({ country: 'N'.repeat(17_000) }) })],
  ['an empty body', 'body-malformed', () => ({ body: '' })],
  ['no JSON', 'body-malformed', () => ({ body: 'serviceType=proxy' })],
  ['JSON cut short', 'body-malformed', () => ({ body: '{"serviceType":"pro' })],
  ['a prototype', 'body-malformed', () => ({ body: '{"serviceType":"proxy","__proto__":{"a":1}}' })],
  ['a constructor', 'body-malformed', () => ({ body: '{"serviceType":"proxy","constructor":{"prototype":{}}}' })],
  ['NaN', 'body-malformed', () => ({ body: '{"serviceType":NaN}' })],
  ['deep nesting', 'request-invalid', () => ({ body: deep(7_000) })],
  ['a list', 'request-invalid', () => ({ body: '[]' })],
  ['null', 'request-invalid', () => ({ body: 'null' })],
  ['a missing field', 'request-invalid', () => ({ body: '{}' })],
  ['an unknown field', 'request-invalid', () => ({ body: json({ budgett: '1' }) })],
  [
    'an unknown field inside',
    'request-invalid',
    () => ({ body: json({ listen: { host: '::1', port: 1, tls: true } }) }),
  ],
  ['an amount as a number', 'request-invalid', () => ({ body: json({ budget: 1 }) })],
  ['an amount with a point', 'request-invalid', () => ({ body: json({ budget: '0.5' }) })],
  ['an amount in hex', 'request-invalid', () => ({ body: json({ budget: '0x10' }) })],
  ['an amount with a space', 'request-invalid', () => ({ body: json({ budget: ' 1' }) })],
  ['an amount with an exponent', 'request-invalid', () => ({ body: json({ budget: '1e18' }) })],
  ['a negative amount', 'request-invalid', () => ({ body: json({ budget: '-1' }) })],
  ['an amount of 100 digits', 'request-invalid', () => ({ body: json({ budget: '9'.repeat(100) }) })],
  ['an amount of 2²⁵⁶', 'amount-invalid', () => ({ body: json({ budget: String(2n ** 256n) }) })],
  ['a port of 65536', 'request-invalid', () => ({ body: json({ listen: { host: '127.0.0.1', port: 65_536 } }) })],
  [
    'a port of 1e309',
    'request-invalid',
    () => ({ body: '{"serviceType":"proxy","listen":{"host":"::1","port":1e309}}' }),
  ],
  ['an address in capitals', 'request-invalid', () => ({ body: json({ provider: `0x${'AB'.repeat(20)}` }) })],
  ['an address cut short', 'request-invalid', () => ({ body: json({ provider: `0x${'ab'.repeat(19)}` }) })],
  ['a country that is none', 'request-invalid', () => ({ body: json({ country: 'ΝL' }) })],
  ['a line break at the end of a country', 'request-invalid', () => ({ body: json({ country: 'NL\n' }) })],
  ['an unknown query', 'request-invalid', () => ({ method: 'GET', path: '/v1/proposals?sort=price', body: '' })],
  [
    'a repeated query',
    'request-invalid',
    () => ({ method: 'GET', path: '/v1/proposals?country=NL&country=DE', body: '' }),
  ],
  ['a query where there is none', 'request-invalid', () => ({ method: 'GET', path: '/v1/status?x=1', body: '' })],
  [
    'a zero byte in the path',
    'request-invalid',
    () => ({ method: 'DELETE', path: '/v1/connections/%00', type: null, body: '' }),
  ],
  [
    'a path upwards as an id',
    'request-invalid',
    () => ({ method: 'DELETE', path: '/v1/connections/..%2f..', type: null, body: '' }),
  ],
  [
    'an escape that is none',
    'request-malformed',
    () => ({ method: 'DELETE', path: '/v1/connections/%zz', type: null, body: '' }),
  ],
  ['a service type that is none', 'request-invalid', () => ({ path: '/v1/services/Proxy', body: '{"country":"NL"}' })],
  ['an idempotency key with a space', 'idempotency-key-invalid', () => ({ headers: ['idempotency-key: a b'] })],
  [
    'two idempotency keys',
    'idempotency-key-invalid',
    () => ({ headers: ['idempotency-key: a', 'idempotency-key: b'] }),
  ],
  ['two lengths', 'request-malformed', () => ({ headers: ['content-length: 1'] })],
  ['a length and chunks', 'request-malformed', () => ({ headers: ['transfer-encoding: chunked'] })],
  ['a header of 100 KB', 'request-malformed', () => ({ headers: [`x-long: ${'a'.repeat(100_000)}`] })],
  ['a version that is none', 'request-malformed', () => ({ path: '/v1/status HTTP/9.9\r\nx:' })],
]

test.each(refusals)('refuses: %s', async (_what, code, parts) => {
  const answer = await sendRaw(rawRequest(parts()))
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  if (parts().method !== 'HEAD') expect(answer.code).toBe(code)
  expect(answer.text).not.toMatch(/node_modules|\.ts:|\s+at /)
  expect(core.writes).toEqual([])
})

test('refuses a body that grows beyond the limit in chunks', async () => {
  const head = rawRequest({ body: '' }).replace('content-length: 0', 'transfer-encoding: chunked')
  const chunk = `${(8192).toString(16)}\r\n${' '.repeat(8192)}\r\n`
  const { status } = await sendRaw([head, chunk, chunk, chunk, '0\r\n\r\n'])
  expect(status).toBe(413)
  expect(core.writes).toEqual([])
})

test('takes our own page as Origin, and the names people use as Host', async () => {
  const own = { host: `localhost:${port()}`, headers: [`origin: http://localhost:${port()}`] }
  expect((await sendRaw(rawRequest(own))).status).toBe(200)
})

test('says that it runs to whoever asks, and nothing else', async () => {
  const answer = await sendRaw(rawRequest({ method: 'GET', path: '/healthz', token: null, body: '' }))
  expect(answer.text).toMatch(/\{"running":true\}$/)
})

test('asks for the token on every route but one', async () => {
  for (const { method, path } of Object.values(routes)) {
    const answer = await sendRaw(rawRequest({ method, path: path.replace(/:\w+/, 'x'), token: null, body: '{}' }))
    expect([path, answer.status]).toEqual([path, path === '/healthz' ? 200 : 401])
  }
  expect(core.writes).toEqual([])
})

describe('the client', () => {
  test('speaks to every route', async () => {
    expect(await client.health()).toEqual({ running: true })
    expect(await client.identities()).toEqual({ current: alice, identities: [alice, bob] })
    expect((await client.topUp()).chainId).toBe('31337')
    expect((await client.register()).registrationFee).toBe('100000000000000000')
    expect((await client.proposals({ country: 'NL' })).proposals).toHaveLength(1)
    expect((await client.proposals({ country: 'NL', serviceType: 'wireguard' })).proposals).toEqual([])
    const { id, sentBytes } = await client.connect({ serviceType: 'proxy', country: 'DE', budget: '5' })
    expect(sentBytes).toBe('1152921504606846976')
    expect((await client.connections()).connections.map((connection) => connection.id)).toContain(id)
    expect((await client.disconnect({ id })).state).toBe('not-connected')
    const price = { perHour: '0', perGib: String(2n ** 255n) }
    expect((await client.serve({ serviceType: 'proxy', country: 'NL', price })).price).toEqual(price)
    expect((await client.services()).services).toHaveLength(1)
    expect(await client.stopService({ serviceType: 'proxy' })).toEqual({ serviceType: 'proxy' })
    expect((await client.status()).consumer.left).toBe('1999999999999999999')
    expect(await client.stop()).toEqual({ stopping: true })
    expect(stopped).toBe(1)
    expect(core.writes).toEqual([
      'register',
      'connect DE proxy 5',
      `disconnect ${id}`,
      `serve proxy NL ${2n ** 255n} 0`,
      'stop proxy',
    ])
  })

  test('speaks TCP too', async () => {
    const overTcp = createApiClient({ url: server.url as string, token: server.token })
    expect((await overTcp.status()).identity).toBe(alice)
  })

  test('throws what the node threw, with its facts', async () => {
    const fault = await client.connect({ serviceType: 'proxy', country: cues.away }).catch((error: Fault) => error)
    expect(fault).toBeInstanceOf(Fault)
    expect(fault).toMatchObject({
      code: 'accountant-unreachable',
      facts: { url: 'http://carol:4060', owed: '1180591620717411303424' },
    })
  })

  test('learns of a bug no more than that there is one; the log has it', async () => {
    const failing = client.connect({ serviceType: 'proxy', country: cues.bug })
    await expect(failing).rejects.toMatchObject({ code: 'internal', facts: {} })
    expect(logged.join()).toContain('a private detail')
  })

  test.each([
    ['no-provider-found', 404, { country: cues.nobody }],
    ['accountant-unreachable', 503, { country: cues.away }],
    ['internal', 500, { country: cues.bug }],
  ] as const)('%s is answered with %i', async (code, status, fields) => {
    const answer = await sendRaw(rawRequest({ body: json(fields) }))
    expect(answer).toMatchObject({ code, status })
    expect(answer.text).not.toContain('a private detail')
  })

  test('says who does not answer', async () => {
    const nowhere = createApiClient({ socketPath: join(dataDir, 'none.sock'), token: '' })
    await expect(nowhere.status()).rejects.toMatchObject({ code: 'node-unreachable', facts: { why: 'ENOENT' } })
    await expect(openNode(join(dataDir, 'none'))).rejects.toMatchObject({ code: 'node-unreachable' })
  })

  test('gives up on a node that does not answer, and at once where it is told to', async () => {
    const slow = client.connect({ serviceType: 'proxy', country: cues.slow }, { timeoutMs: 50 })
    await expect(slow).rejects.toMatchObject({ code: 'node-timeout', facts: { timeoutMs: 50 } })
    const aborted = client.connect(
      { serviceType: 'proxy', country: cues.slow },
      { signal: AbortSignal.abort('enough') },
    )
    await expect(aborted).rejects.toBe('enough')
  })

  test('takes nothing for an answer that is none', async () => {
    const strange = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'))
    const socketPath = join(dataDir, 'strange.sock')
    await new Promise<void>((resolve) => strange.listen(socketPath, resolve))
    const misled = createApiClient({ socketPath, token: '' })
    await expect(misled.status()).rejects.toMatchObject({ code: 'node-answer-invalid' })
    strange.close()
  })
})

describe('events', () => {
  const stopping = new AbortController()
  afterEach(() => stopping.abort())

  test('give the whole status first, then after a change, and none in between', async () => {
    const events = client.events({ signal: stopping.signal })
    const first = (await events.next()).value as StatusJson
    core.pay(0n) // a change that nobody would see
    await new Promise((resolve) => setTimeout(resolve, 200))
    core.pay(myst)
    const paidAtMs = performance.now()
    const second = (await events.next()).value as StatusJson
    expect(BigInt(second.consumer.balance) - BigInt(first.consumer.balance)).toBe(myst)
    expect(performance.now() - paidAtMs).toBeLessThan(1000)
    stopping.abort()
    expect((await events.next()).done).toBe(true)
  })

  test('are for as many as there may be, and places are given back', async () => {
    const all = Array.from({ length: 16 }, () => client.events())
    await Promise.all(all.map((events) => events.next()))
    await expect(client.events().next()).rejects.toMatchObject({ code: 'events-full' })
    await Promise.all(all.map((events) => events.return()))
    await expect
      .poll(() =>
        client
          .events()
          .next()
          .then(
            () => 'taken',
            (fault: Fault) => fault.code,
          ),
      )
      .toBe('taken')
  })
})

describe('the files', () => {
  let other: string
  const start = (dir: string): Promise<ApiServer> =>
    startApiServer(
      { core, identities: async () => [], stop: () => {}, onChange: () => () => {}, log: () => {} },
      { dataDir: dir },
    )

  beforeEach(async () => {
    other = await mkdtemp(join(tmpdir(), 'myst-api-'))
  })
  afterEach(() => rm(other, { recursive: true }))

  test('are for their owner alone', async () => {
    const { socketPath, tokenPath } = nodeFiles(dataDir)
    for (const path of [socketPath, tokenPath]) expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readFile(tokenPath, 'utf8')).toBe(`${server.token}\n`)
  })

  test('a token is kept, but not one that others could read', async () => {
    const path = join(other, 'api-token')
    const token = await openApiToken(path)
    expect(await openApiToken(path)).toBe(token)
    await rm(path)
    await writeFile(path, token, { mode: 0o644 })
    expect(await openApiToken(path)).not.toBe(token)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('a second node on the same directory is refused, and the first runs on', async () => {
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'node-already-running' })
    expect((await client.health()).running).toBe(true)
  })

  test('the socket of a dead process is replaced', async () => {
    await writeFile(nodeFiles(other).socketPath, '')
    const started = await start(other)
    expect((await (await openNode(other)).health()).running).toBe(true)
    await started.close()
    await expect(stat(nodeFiles(other).socketPath)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('while it stops, a node says so', async () => {
    const started = await start(other)
    started.refuseCalls()
    await expect((await openNode(other)).status()).rejects.toMatchObject({ code: 'node-stopping' })
    await started.close()
  })

  test('the API is never opened to a network', async () => {
    const deps = { core, identities: async () => [], stop: () => {}, onChange: () => () => {}, log: () => {} }
    const opened = startApiServer(deps, { dataDir: other, tcp: { host: '0.0.0.0', port: 0 } })
    await expect(opened).rejects.toMatchObject({ code: 'api-host-not-loopback' })
  })

  test('a path too long for a socket is refused in words', async () => {
    await expect(start(join(other, 'd'.repeat(100)))).rejects.toMatchObject({ code: 'socket-path-too-long' })
  })
})
