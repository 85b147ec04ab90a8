import Dht from 'hyperdht'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HyperdhtNode, HyperdhtOptions } from './hyperdht.ts'
import type { Link } from './link.ts'
import { type LoopbackNetwork, openLoopbackNetwork } from './loopback.ts'
import { createRelay, type Relay } from './relay.ts'

const echo = '/myst/echo/1.0'
const body = new Uint8Array([1, 2, 3])

describe('relay', () => {
  let network: LoopbackNetwork
  let relay: Relay
  const nodes: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    network = await openLoopbackNetwork()
    relay = await createRelay(network.fullNodes[0]!, { pairingTimeoutMs: 300 })
  })
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.close()))
    await relay.close()
    await network.close()
  })

  /** A node that never punches, so that only a relay brings two of them together. */
  const newNode = (options: Partial<HyperdhtOptions> = {}): HyperdhtNode => {
    const node = network.node({ punch: false, ...options })
    nodes.push(node)
    return node
  }

  async function relayedPair(): Promise<{ bob: HyperdhtNode; alice: HyperdhtNode; bobLink: Promise<Link> }> {
    const [bob, alice] = [newNode(), newNode({ relays: [relay.publicKey] })]
    const accepted = Promise.withResolvers<Link>()
    bob.onLink((link) => {
      link.onRequest(echo, (bytes) => bytes)
      link.onDatagram(echo, (bytes) => link.sendDatagram(echo, bytes))
      accepted.resolve(link)
    })
    await Promise.all([bob.listen(), alice.ready()])
    return { bob, alice, bobLink: accepted.promise }
  }

  test('joins two nodes that cannot reach each other, and both know it', async () => {
    const { bob, alice, bobLink } = await relayedPair()
    const link = await alice.connect(bob.publicKey)
    expect(await link.request(echo, body)).toEqual(body)
    expect([link.relayed, (await bobLink).relayed]).toEqual([true, true])
    expect(link.handshakeHash).toEqual((await bobLink).handshakeHash)
    const back = new Promise((resolve) => link.onDatagram(echo, resolve))
    link.sendDatagram(echo, body)
    expect(await back).toEqual(body)
    expect(relay.stats.active).toBe(1)
    await link.close('enough')
    expect(await (await bobLink).closed).toBe('enough')
    await expect.poll(() => relay.stats.active).toBe(0)
    await expect.poll(() => relay.stats.connections).toBe(0)
  })

  test('answers the first request at once, whichever side the relay heard first', async () => {
    for (let turn = 0; turn < 10; turn++) {
      const { bob, alice } = await relayedPair()
      const startedAt = performance.now()
      const link = await alice.connect(bob.publicKey)
      expect(await link.request(echo, body)).toEqual(body)
      // A first packet that was lost and not noticed costs 1,000 ms.
      expect(performance.now() - startedAt).toBeLessThan(600)
      await link.close()
      await Promise.all([alice.close(), bob.close()])
    }
  })

  test('drops a control connection that asks for nothing or talks too much', async () => {
    const dht = new Dht({ bootstrap: network.bootstrap, host: '127.0.0.1' })
    nodes.push({ close: () => dht.destroy() })
    for (const words of [0, 5_000]) {
      const socket = dht.connect(Buffer.from(relay.publicKey), {})
      socket.on('error', () => {})
      await socket.opened
      if (words > 0) socket.write(Buffer.alloc(words))
      await new Promise((resolve) => socket.once('close', resolve))
    }
    await expect.poll(() => relay.stats.connections).toBe(0)
  })

  test('takes only so many pairings of one key', async () => {
    const strict = await createRelay(network.fullNodes[1]!, { pairingsPerKey: 2 })
    const dht = new Dht({ bootstrap: network.bootstrap, host: '127.0.0.1' })
    nodes.push(strict, { close: () => dht.destroy() })
    const sockets = [1, 2, 3].map(() => dht.connect(Buffer.from(strict.publicKey), {}))
    for (const socket of sockets) socket.on('error', () => {})
    await expect.poll(() => strict.stats.refused, { timeout: 5_000 }).toBeGreaterThan(0)
    expect(strict.stats.connections).toBe(2)
    for (const socket of sockets) socket.destroy()
  })
})
