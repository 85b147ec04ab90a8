/**
 * What every link adapter must do. An adapter's test calls `linkCompliance` with a way to make nodes.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Link, LinkNode } from '@myst/link'
import { Fault } from '@myst/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

export interface LinkLab {
  /** A fresh node on the lab's network, not yet listening. */
  node(options: { readonly onBug?: (error: unknown, protocol: string) => void }): Promise<LinkNode>
  close(): Promise<void>
}

const echo = '/myst/echo/1.0'
const text = (words: string): Uint8Array => new TextEncoder().encode(words)
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no fault',
    (error) => (error instanceof Fault ? error.code : error),
  )
const until = async (holds: () => boolean): Promise<void> => {
  const deadline = Date.now() + 5_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never held: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export function linkCompliance(name: string, openLab: () => Promise<LinkLab>): void {
  describe(`link: ${name}`, () => {
    let lab: LinkLab
    const nodes: LinkNode[] = []
    const bugs: unknown[] = []

    beforeAll(async () => {
      lab = await openLab()
    })
    afterEach(async () => {
      await Promise.all(nodes.splice(0).map((node) => node.close()))
      bugs.length = 0
    })
    afterAll(() => lab.close())

    async function newNode(): Promise<LinkNode> {
      const node = await lab.node({ onBug: (error) => bugs.push(error) })
      nodes.push(node)
      return node
    }

    /** Alice dialled Bob; `atBob` is registered before Alice's first message is handled. */
    async function pair(
      atBob: (link: Link) => void = () => {},
    ): Promise<{ alice: LinkNode; bob: LinkNode; aliceLink: Link; bobLink: Link }> {
      const [alice, bob] = await Promise.all([newNode(), newNode()])
      const accepted = Promise.withResolvers<Link>()
      bob.onLink((link) => {
        atBob(link)
        accepted.resolve(link)
      })
      await bob.listen()
      const aliceLink = await alice.connect(bob.publicKey)
      return { alice, bob, aliceLink, bobLink: await accepted.promise }
    }

    async function streams(link: Link, other: Link, header = text('h')): Promise<[Duplex, Duplex]> {
      const arrived = Promise.withResolvers<Duplex>()
      other.onStream('/myst/bytes/1.0', (stream) => arrived.resolve(stream))
      const stream = await link.openStream('/myst/bytes/1.0', header)
      return [stream, await arrived.promise]
    }

    test('names both ends by their keys and binds them to one handshake', async () => {
      const { alice, bob, aliceLink, bobLink } = await pair()
      expect(aliceLink.localKey).toEqual(alice.publicKey)
      expect(aliceLink.remoteKey).toEqual(bob.publicKey)
      expect(bobLink.remoteKey).toEqual(alice.publicKey)
      expect(bobLink.localKey).toEqual(bob.publicKey)
      expect(aliceLink.handshakeHash).toEqual(bobLink.handshakeHash)
      expect(aliceLink.handshakeHash.length).toBeGreaterThanOrEqual(32)
      expect(aliceLink.remoteEndpoint.port).toBeGreaterThan(0)
      const again = await alice.connect(bob.publicKey)
      expect(again.handshakeHash).not.toEqual(aliceLink.handshakeHash)
    })

    test('dials with a fresh key each time where asked to', async () => {
      const { alice, bob } = await pair()
      const one = await alice.connect(bob.publicKey, { ephemeral: true })
      const two = await alice.connect(bob.publicKey, { ephemeral: true })
      expect(one.localKey).not.toEqual(alice.publicKey)
      expect(one.localKey).not.toEqual(two.localKey)
    })

    test('says so where nobody has the key, and stops dialling when told to', async () => {
      const alice = await newNode()
      expect(await code(alice.connect(new Uint8Array(randomBytes(32))))).toBe('peer-not-found')
      const reason = new Error('changed my mind')
      const dial = alice.connect(new Uint8Array(randomBytes(32)), { signal: AbortSignal.abort(reason) })
      expect(await code(dial)).toBe(reason)
    })

    test('finds announced keys under their topic, until the announcement is closed', async () => {
      const [alice, bob] = await Promise.all([newNode(), newNode()])
      const topic = new Uint8Array(randomBytes(32))
      await bob.listen()
      expect(await alice.lookup(topic)).toEqual([])
      const announcement = await bob.announce(topic)
      expect(await alice.lookup(topic)).toEqual([bob.publicKey])
      await announcement.close()
      expect(await alice.lookup(topic)).toEqual([])
    })

    test('carries requests and answers both ways, empty and large', async () => {
      const reverse = (body: Uint8Array): Uint8Array => body.toReversed()
      const { aliceLink, bobLink } = await pair((link) => link.onRequest(echo, reverse))
      aliceLink.onRequest(echo, reverse)
      for (const size of [0, 1, 1_000, 65_536]) {
        const body = new Uint8Array(randomBytes(size))
        expect(await aliceLink.request(echo, body)).toEqual(body.toReversed())
        expect(await bobLink.request(echo, body)).toEqual(body.toReversed())
      }
      expect(await code(aliceLink.request(echo, new Uint8Array(65_537)))).toBe('message-too-large')
    })

    test('lets the accepting side ask first', async () => {
      const asked = Promise.withResolvers<Uint8Array>()
      const [alice, bob] = await Promise.all([newNode(), newNode()])
      bob.onLink((link) => link.request(echo, text('who is there')).then(asked.resolve, asked.reject))
      await bob.listen()
      const link = await alice.connect(bob.publicKey)
      link.onRequest(echo, () => text('alice'))
      expect(await asked.promise).toEqual(text('alice'))
    })

    test('brings a fault back with its code, and of anything else only that it happened', async () => {
      const { aliceLink } = await pair((link) => {
        link.onRequest('/myst/fault/1.0', () => {
          throw new Fault('promise-wrong-signer', { secret: 'not for alice' })
        })
        link.onRequest('/myst/bug/1.0', async () => {
          throw new Error('a secret path')
        })
      })
      const fault = await aliceLink.request('/myst/fault/1.0', text('')).catch((error) => error)
      expect(fault.code).toBe('promise-wrong-signer')
      expect(fault.message).not.toContain('not for alice')
      const internal = await aliceLink.request('/myst/bug/1.0', text('')).catch((error) => error)
      expect(internal.code).toBe('internal')
      expect(internal.message).not.toContain('secret')
      expect(bugs).toHaveLength(1)
      expect(await code(aliceLink.request('/myst/nothing/1.0', text('')))).toBe('protocol-unknown')
    })

    test('gives up on a request in time or when told to, and drops the late answer', async () => {
      const late = Promise.withResolvers<Uint8Array>()
      const { aliceLink } = await pair((link) => {
        link.onRequest('/myst/late/1.0', () => late.promise)
        link.onRequest(echo, (body) => body)
      })
      expect(await code(aliceLink.request('/myst/late/1.0', text(''), { timeoutMs: 30 }))).toBe('request-timeout')
      const abort = new AbortController()
      const aborted = aliceLink.request('/myst/late/1.0', text(''), { signal: abort.signal })
      const reason = new Error('enough')
      abort.abort(reason)
      expect(await code(aborted)).toBe(reason)
      late.resolve(text('too late'))
      expect(await aliceLink.request(echo, text('still here'))).toEqual(text('still here'))
    })

    test('answers 1,000 requests at once, in any order', async () => {
      let waiting = 0
      let most = 0
      const { aliceLink } = await pair((link) =>
        link.onRequest(echo, async (body) => {
          most = Math.max(most, ++waiting)
          await new Promise((resolve) => setTimeout(resolve, body[0]! % 8))
          waiting--
          return body
        }),
      )
      const bodies = Array.from({ length: 1_000 }, () => new Uint8Array(randomBytes(100)))
      expect(await Promise.all(bodies.map((body) => aliceLink.request(echo, body)))).toEqual(bodies)
      expect(most).toBeGreaterThan(100)
    })

    test('carries 8 MB both ways at once, unharmed', async () => {
      const { aliceLink, bobLink } = await pair()
      const [here, there] = await streams(aliceLink, bobLink)
      const [sent, sentBack] = [randomBytes(8_000_000), randomBytes(8_000_000)]
      here.end(sent)
      there.end(sentBack)
      const [received, receivedBack] = await Promise.all([buffer(there), buffer(here)])
      expect(hash(received)).toBe(hash(sent))
      expect(hash(receivedBack)).toBe(hash(sentBack))
    })

    test('brings a stream with its header whole', async () => {
      const header = new Uint8Array(randomBytes(1_024))
      const seen = Promise.withResolvers<Uint8Array>()
      const { aliceLink } = await pair((link) => link.onStream(echo, (_stream, arrived) => seen.resolve(arrived)))
      await aliceLink.openStream(echo, header)
      expect(await seen.promise).toEqual(header)
      expect(await code(aliceLink.openStream(echo, new Uint8Array(5_000)))).toBe('message-too-large')
    })

    test('lets one side end a stream while the other still sends', async () => {
      const { aliceLink, bobLink } = await pair()
      const [here, there] = await streams(aliceLink, bobLink)
      here.end('question')
      expect((await buffer(there)).toString()).toBe('question')
      there.write('ans')
      await new Promise((resolve) => setTimeout(resolve, 20))
      there.end('wer')
      expect((await buffer(here)).toString()).toBe('answer')
      await until(() => here.destroyed && there.destroyed)
    })

    test('resets a stream on both sides, with a code', async () => {
      const { aliceLink, bobLink } = await pair((link) => link.onRequest(echo, (body) => body))
      const [here, there] = await streams(aliceLink, bobLink)
      const failure = new Promise((resolve) => here.once('error', resolve))
      there.destroy(new Fault('destination-denied'))
      expect(await failure).toMatchObject({ code: 'destination-denied' })
      const [mine, theirs] = await streams(aliceLink, bobLink)
      const reset = new Promise((resolve) => theirs.once('error', resolve))
      mine.destroy()
      expect(await reset).toMatchObject({ code: 'stream-reset' })
      const unknown = await aliceLink.openStream('/myst/nobody/1.0', text(''))
      expect(await new Promise((resolve) => unknown.once('error', resolve))).toMatchObject({ code: 'protocol-unknown' })
      expect(await aliceLink.request(echo, text('on'))).toEqual(text('on'))
    })

    test('survives a reset that nobody listens for', async () => {
      const { aliceLink, bobLink } = await pair((link) => link.onRequest(echo, (body) => body))
      const [, there] = await streams(aliceLink, bobLink)
      there.destroy(new Fault('gone'))
      expect(await aliceLink.request(echo, text('on'))).toEqual(text('on'))
    })

    test('a stalled reader stops its own stream, early, and no other', async () => {
      const { aliceLink, bobLink } = await pair((link) => link.onRequest(echo, (body) => body))
      const [stalled] = await streams(aliceLink, bobLink)
      let taken = 0
      const chunk = randomBytes(16 * 1024)
      while (stalled.write(chunk, () => (taken += chunk.length))) if (taken > 8_000_000) break
      for (let turn = 0; turn < 100; turn++) stalled.write(chunk, () => (taken += chunk.length))
      expect(await aliceLink.request(echo, text('free'))).toEqual(text('free'))
      const [here, there] = await streams(aliceLink, bobLink)
      const sent = randomBytes(1_000_000)
      here.end(sent)
      expect(hash(await buffer(there))).toBe(hash(sent))
      expect(taken).toBeLessThan(300_000)
    })

    test('carries datagrams both ways and refuses those the path may lose', async () => {
      const arrived: Uint8Array[] = []
      const { aliceLink, bobLink } = await pair((link) =>
        link.onDatagram('/myst/tunnel/1.0', (bytes) => {
          arrived.push(bytes)
          link.sendDatagram('/myst/tunnel/1.0', bytes)
        }),
      )
      const back: Uint8Array[] = []
      aliceLink.onDatagram('/myst/tunnel/1.0', (bytes) => back.push(bytes))
      expect(aliceLink.maxDatagramBytes).toBeGreaterThanOrEqual(1_180)
      const bodies = [0, 1, 500, bobLink.maxDatagramBytes].map((size) => new Uint8Array(randomBytes(size)))
      for (const body of bodies) expect(aliceLink.sendDatagram('/myst/tunnel/1.0', body)).toBe(true)
      await until(() => back.length === bodies.length)
      expect(new Set(back.map(hash))).toEqual(new Set(bodies.map(hash)))
      expect(new Set(arrived.map(hash))).toEqual(new Set(bodies.map(hash)))
      expect(aliceLink.sendDatagram('/myst/other/1.0', text('nobody listens'))).toBe(true)
      const tooLarge = new Uint8Array(aliceLink.maxDatagramBytes + 1)
      expect(aliceLink.sendDatagram('/myst/tunnel/1.0', tooLarge)).toBe(false)
    })

    test('tells the other side why it closes', async () => {
      const { aliceLink, bobLink } = await pair()
      await aliceLink.close('session-ended')
      expect(await aliceLink.closed).toBe('session-ended')
      expect(await bobLink.closed).toBe('session-ended')
    })

    test('delivers what was sent before it closes', async () => {
      const { aliceLink, bobLink } = await pair()
      const [here, there] = await streams(aliceLink, bobLink)
      const received = buffer(there)
      here.end('last words')
      await new Promise((resolve) => here.once('finish', resolve))
      void aliceLink.close()
      expect((await received).toString()).toBe('last words')
    })

    test('leaves nothing open after it closed', async () => {
      const { aliceLink, bobLink } = await pair((link) =>
        link.onRequest('/myst/never/1.0', () => new Promise(() => {})),
      )
      const [here, there] = await streams(aliceLink, bobLink)
      const [idle] = await streams(bobLink, aliceLink)
      here.write('unread')
      const pending = code(aliceLink.request('/myst/never/1.0', text('')))
      await bobLink.close('over')
      expect(await pending).toBe('link-closed')
      await until(() => here.destroyed && there.destroyed && idle.destroyed)
      expect(await code(aliceLink.request(echo, text('')))).toBe('link-closed')
      expect(await code(bobLink.openStream(echo, text('')))).toBe('link-closed')
      expect(aliceLink.sendDatagram(echo, text(''))).toBe(false)
      await Promise.all([aliceLink.close(), bobLink.close()])
    })

    test('closes its links when the node closes', async () => {
      const { alice, bobLink } = await pair()
      await alice.close()
      expect(await bobLink.closed).toBe('node-closed')
    })
  })
}
