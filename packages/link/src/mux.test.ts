import { randomBytes } from 'node:crypto'
import { type Duplex, duplexPair } from 'node:stream'
import { Fault } from '@myst/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, type Frame } from './frame.ts'
import type { Link } from './link.ts'
import { type DatagramPath, type LinkSettings, maxStreams, openLink, type Transport } from './mux.ts'
import { initialWindowBytes } from './mux-stream.ts'
import { maxOpenRequests } from './requests.ts'
import type { Timers } from './timers.ts'

const hello = encodeFrame({ kind: 'hello', major: 1, minor: 0 })
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

function transport(bytes: Duplex, dialled: boolean, datagrams?: DatagramPath): Transport {
  const keys = { localKey: new Uint8Array(32), remoteKey: new Uint8Array(32), handshakeHash: new Uint8Array(32) }
  const remoteEndpoint = () => ({ host: '127.0.0.1', port: 1 })
  return { ...keys, bytes, dialled, remoteEndpoint, relayed: () => false, ...(datagrams && { datagrams }) }
}

/** A link whose other side is played by the test, byte by byte. */
function facingUs(settings: LinkSettings = {}, datagrams?: DatagramPath): { link: Promise<Link>; peer: Duplex } {
  const [ours, peer] = duplexPair()
  peer.on('error', () => {})
  const link = openLink(transport(ours, false, datagrams), settings)
  link.catch(() => {})
  return { link, peer }
}

async function opened(settings?: LinkSettings, datagrams?: DatagramPath): Promise<{ link: Link; peer: Duplex }> {
  const { link, peer } = facingUs(settings, datagrams)
  peer.write(hello)
  return { link: await link, peer }
}

const send = (peer: Duplex, ...frames: Frame[]): boolean => peer.write(Buffer.concat(frames.map(encodeFrame)))
const empty = new Uint8Array()
const open = (id: number): Frame => ({ kind: 'open', id, protocol: '/myst/bytes/1.0', header: empty })

test.each<[string, Frame[]]>([
  ['a second hello', [{ kind: 'hello', major: 1, minor: 0 }]],
  ['an answer to no request', [{ kind: 'answer', id: 7, body: empty }]],
  ['an even stream from the dialler', [open(2)]],
  ['a stream number used twice', [open(1), open(1)]],
  ['data for a stream that never was', [{ kind: 'data', id: 9, bytes: empty }]],
  ['credit for a stream of ours that never was', [{ kind: 'credit', id: 2, bytes: 1 }]],
  ['data after the end', [open(1), { kind: 'end', id: 1 }, { kind: 'data', id: 1, bytes: Buffer.from('x') }]],
  [
    'more data than was granted',
    [open(1), ...Array<Frame>(5).fill({ kind: 'data', id: 1, bytes: new Uint8Array(initialWindowBytes / 4) })],
  ],
])('parts from a peer that sends %s, and says why', async (_what, frames) => {
  const { link, peer } = await opened({ setup: (link) => link.onStream('/myst/bytes/1.0', () => {}) })
  const received: Buffer[] = []
  peer.on('data', (chunk: Buffer) => received.push(chunk))
  send(peer, ...frames)
  expect(await link.closed).toBe('frame-invalid')
  await soon()
  expect(Buffer.concat(received).includes('frame-invalid')).toBe(true)
})

test.each([
  ['another major version', encodeFrame({ kind: 'hello', major: 2, minor: 0 }), 'version-unsupported'],
  ['something that is no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'frame-invalid'],
  ['a request before its hello', encodeFrame({ kind: 'request', id: 1, protocol: 'x', body: empty }), 'frame-invalid'],
])('opens no link to %s', async (_what, bytes, code) => {
  const { link, peer } = facingUs()
  peer.write(bytes)
  await expect(link).rejects.toMatchObject({ code })
})

test('understands a later minor version with more in its hello', async () => {
  const { link, peer } = facingUs()
  peer.write(Buffer.from(`0000000a00${Buffer.from('myst').toString('hex')}0109ffffff`, 'hex'))
  expect(await link).toBeDefined()
})

test('gives up on a peer that never says hello', async () => {
  const waiting: (() => void)[] = []
  const timers: Timers = {
    after(_delayMs, act) {
      waiting.push(act)
      return () => {}
    },
  }
  const { link } = facingUs({ timers })
  waiting[0]?.()
  await expect(link).rejects.toMatchObject({ code: 'peer-unreachable', facts: { reason: 'no-hello' } })
})

test('survives whatever bytes follow the hello, and closes once the peer has gone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), async (chunks) => {
      const { link, peer } = await opened({ setup: (link) => link.onStream('/myst/bytes/1.0', () => {}) })
      peer.resume()
      for (const chunk of chunks) peer.write(chunk)
      peer.end()
      expect(await link.closed).toMatch(/^(frame-invalid|link-lost)$/)
      await link.close()
    }),
    { numRuns: 100 },
  )
})

test('survives each frame with any byte changed', async () => {
  const script = Buffer.concat(
    (
      [
        open(1),
        { kind: 'data', id: 1, bytes: Buffer.from('some bytes') },
        { kind: 'request', id: 1, protocol: '/myst/echo/1.0', body: Buffer.from('body') },
        { kind: 'credit', id: 1, bytes: 70_000 },
        { kind: 'end', id: 1 },
        { kind: 'reset', id: 1, code: 'stream-reset' },
        { kind: 'goodbye', reason: 'closed' },
      ] satisfies Frame[]
    ).map(encodeFrame),
  )
  const bugs: unknown[] = []
  for (let index = 0; index < script.length; index++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const setup = (link: Link): void => {
        link.onStream('/myst/bytes/1.0', (stream) => stream.end('answer'))
        link.onRequest('/myst/echo/1.0', (body) => body)
      }
      const { link, peer } = await opened({ setup, onBug: (error) => bugs.push(error) })
      const changed = Buffer.from(script)
      changed[index] = changed[index]! ^ flip
      peer.write(changed)
      peer.end()
      await link.closed
    }
  }
  expect(bugs).toEqual([])
})

test('answers link-busy to more requests than it takes at once, and streams likewise', async () => {
  const never = new Promise<Uint8Array>(() => {})
  const { peer } = await opened({
    setup(link) {
      link.onRequest('/myst/never/1.0', () => never)
      link.onStream('/myst/bytes/1.0', () => {})
    },
  })
  const received: Buffer[] = []
  peer.on('data', (chunk: Buffer) => received.push(chunk))
  const ask = (id: number): Frame => ({ kind: 'request', id, protocol: '/myst/never/1.0', body: empty })
  send(peer, ...Array.from({ length: maxOpenRequests + 1 }, (_, index) => ask(index + 1)))
  await soon()
  expect(
    Buffer.concat(received).indexOf(encodeFrame({ kind: 'fault', id: maxOpenRequests + 1, code: 'link-busy' })),
  ).toBeGreaterThan(0)
  expect(Buffer.concat(received).includes(encodeFrame({ kind: 'fault', id: maxOpenRequests, code: 'link-busy' }))).toBe(
    false,
  )

  received.length = 0
  send(peer, ...Array.from({ length: maxStreams + 1 }, (_, index) => open(2 * index + 1)))
  await soon()
  const refused = encodeFrame({ kind: 'reset', id: 2 * maxStreams + 1, code: 'link-busy' })
  expect(Buffer.concat(received).equals(refused)).toBe(true)
})

test('refuses own requests beyond what the other side takes', async () => {
  const { link } = await opened()
  const asked = Array.from({ length: maxOpenRequests }, () => link.request('/myst/x/1.0', empty))
  await expect(link.request('/myst/x/1.0', empty)).rejects.toMatchObject({ code: 'link-busy' })
  void link.close('done')
  for (const answer of await Promise.allSettled(asked)) {
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'link-closed', facts: { reason: 'done' } } })
  }
})

test('parts from a peer that asks for much and reads nothing, with bounded memory', async () => {
  const answer = new Uint8Array(60_000)
  const { link, peer } = await opened({ setup: (link) => link.onRequest('/myst/big/1.0', () => answer) })
  for (let id = 1; link !== undefined && id < 20_000; id++) {
    if (!send(peer, { kind: 'request', id, protocol: '/myst/big/1.0', body: empty })) await soon()
    if (peer.destroyed) break
  }
  // Nothing was read: about 16 MiB of answers wait, the rest was told `link-busy` in 20 bytes each.
  await link.close()
})

test('ends all it started when the transport is cut', async () => {
  let stops = 0
  let starts = 0
  const timers: Timers = {
    after(delayMs, act) {
      starts++
      const timer = setTimeout(act, delayMs)
      return () => {
        if (timer.hasRef()) stops++
        timer.unref()
        clearTimeout(timer)
      }
    },
  }
  const { link, peer } = await opened({ timers })
  const stream = await link.openStream('/myst/bytes/1.0', empty)
  const written = new Promise((resolve) => stream.write(randomBytes(1_000_000), resolve))
  const asked = link.request('/myst/x/1.0', empty).catch((error: Fault) => error.code)
  peer.destroy(new Error('cut'))
  peer.end()
  expect(await asked).toBe('link-closed')
  expect(await written).toBeInstanceOf(Fault)
  await link.close()
  expect(await link.closed).toBe('link-lost')
  expect(stops).toBe(starts)
})

test('drops datagrams that are repeated, old, short or for nobody', async () => {
  let deliver: (bytes: Uint8Array) => void = () => {}
  const sent: Uint8Array[] = []
  const path: DatagramPath = {
    send: (bytes) => sent.push(bytes) > 0,
    onMessage: (handler) => {
      deliver = handler
    },
    maxBytes: () => 1200,
  }
  const { link } = await opened({}, path)
  const arrived: Uint8Array[] = []
  link.onDatagram('/myst/tunnel/1.0', (bytes) => arrived.push(bytes))
  for (const byte of [1, 2, 3]) link.sendDatagram('/myst/tunnel/1.0', Uint8Array.of(byte))
  link.sendDatagram('/myst/other/1.0', Uint8Array.of(4))
  for (const bytes of [...sent.toReversed(), ...sent, new Uint8Array(11), empty]) deliver(bytes)
  expect(arrived).toEqual([Uint8Array.of(3), Uint8Array.of(2), Uint8Array.of(1)])
  expect(link.sendDatagram('/myst/tunnel/1.0', new Uint8Array(link.maxDatagramBytes))).toBe(true)
  expect(sent.at(-1)).toHaveLength(1200)
  expect(link.sendDatagram('/myst/tunnel/1.0', new Uint8Array(link.maxDatagramBytes + 1))).toBe(false)
  await link.close()
  deliver(sent.at(-1)!)
  expect(arrived).toHaveLength(3)
})

test('holds a window of single bytes in few objects', async () => {
  let stalled: Duplex | undefined
  const { peer } = await opened({
    setup: (link) =>
      link.onStream('/myst/bytes/1.0', (stream) => {
        stalled = stream
      }),
  })
  send(peer, open(1))
  const byte: Frame = { kind: 'data', id: 1, bytes: Uint8Array.of(7) }
  for (let turn = 0; turn < 8; turn++) {
    send(peer, ...Array<Frame>(4_096).fill(byte))
    await soon()
  }
  let chunks = 0
  let bytes = 0
  stalled?.on('data', (chunk: Buffer) => {
    chunks++
    bytes += chunk.length
  })
  await soon()
  expect(bytes).toBe(8 * 4_096)
  expect(chunks).toBeLessThan(20)
})
