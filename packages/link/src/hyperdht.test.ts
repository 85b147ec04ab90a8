import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { Fault } from '@myst/protocol'
import { linkCompliance } from '@myst/testkit'
import Dht from 'hyperdht'
import NoiseWrap from 'hyperdht/lib/noise-wrap.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHyperdhtNode, type HyperdhtNode, type HyperdhtOptions } from './hyperdht.ts'
import { freePort, type LoopbackNetwork, openLoopbackNetwork } from './loopback.ts'

linkCompliance('HyperDHT on loopback', async () => {
  const network = await openLoopbackNetwork()
  return { node: async (options) => network.node(options), close: () => network.close() }
})

const echo = '/myst/echo/1.0'
const body = new Uint8Array([1, 2, 3])
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no fault',
    (error) => (error instanceof Fault ? error.code : error),
  )

describe('HyperDHT', () => {
  let network: LoopbackNetwork
  const nodes: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    network = await openLoopbackNetwork()
  })
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.close()))
    await network.close()
  })

  const newNode = (options: Partial<HyperdhtOptions> = {}): HyperdhtNode => {
    const node = network.node(options)
    nodes.push(node)
    return node
  }
  async function listening(options: Partial<HyperdhtOptions> = {}): Promise<HyperdhtNode> {
    const node = newNode(options)
    node.onLink((link) => link.onRequest(echo, (bytes) => bytes))
    await node.listen()
    return node
  }
  function rawDht(): Dht {
    const dht = new Dht({ bootstrap: network.bootstrap, host: '127.0.0.1' })
    nodes.push({ close: () => dht.destroy() })
    return dht
  }

  test('makes the same key from the same seed, and tells its address', async () => {
    const seed = new Uint8Array(randomBytes(32))
    const [one, two] = [newNode({ seed }), newNode({ seed })]
    expect(one.publicKey).toEqual(two.publicKey)
    await one.ready()
    expect(one.reflexive()).toMatchObject({ host: '127.0.0.1', symmetric: false })
  })

  test('stops dialling when told to', async () => {
    const alice = newNode()
    const abort = new AbortController()
    const key = new Uint8Array(Dht.keyPair().publicKey)
    const dial = code(alice.connect(key, { signal: abort.signal }))
    abort.abort('enough')
    expect(await dial).toBe('enough')
    expect(alice.openLinks).toBe(0)
  })

  test('dials only where it may: by default no loopback, no private range', async () => {
    const bob = await listening()
    const cautious = createHyperdhtNode({ bootstrap: network.bootstrap, bind: { host: '127.0.0.1' } })
    nodes.push(cautious)
    expect(await code(cautious.connect(bob.publicKey))).toBe('peer-unreachable')
  })

  test('survives a peer that names an impossible address for itself', async () => {
    const dht = rawDht()
    const keyPair = Dht.keyPair()
    const server = dht.createServer(
      {
        createHandshake(own: unknown, remote: unknown) {
          const handshake = new NoiseWrap(own, remote)
          const send = handshake.send.bind(handshake)
          handshake.send = (payload: object) =>
            send({ ...payload, firewall: Dht.FIREWALL.OPEN, addresses4: [{ host: '9.9.9.9', port: 0 }] })
          return handshake
        },
      },
      () => {},
    )
    await server.listen(keyPair)
    const alice = newNode()
    expect(await code(alice.connect(new Uint8Array(keyPair.publicKey)))).toBe('peer-unreachable')
    const bob = await listening()
    expect(await (await alice.connect(bob.publicKey)).request(echo, body)).toEqual(body)
  })

  test('parts from an authenticated peer that sends garbage, and keeps nothing of it', async () => {
    const bob = await listening()
    const dht = rawDht()
    for (let turn = 0; turn < 10; turn++) {
      const socket = dht.connect(Buffer.from(bob.publicKey), {})
      socket.on('error', () => {})
      socket.on('data', () => {})
      socket.on('end', () => socket.end())
      await socket.opened
      for (let part = 0; part < 5; part++) {
        socket.write(randomBytes(1 + turn * 200))
        socket.trySend(randomBytes(turn * 3))
      }
      await new Promise((resolve) => socket.once('close', resolve))
    }
    await expect.poll(() => bob.openLinks).toBe(0)
    expect(await (await newNode().connect(bob.publicKey)).request(echo, body)).toEqual(body)
  })

  test('survives garbage datagrams from strangers', async () => {
    const bob = await listening()
    const socket = createSocket('udp4')
    const full = network.fullNodes[0]?.bound()
    for (let count = 0; count < 3_000; count++) {
      const bytes = randomBytes(count % 300)
      // The heads of the table's and the streams' own packets, with nonsense behind them.
      if (bytes.length > 2) bytes[0] = [0x03, 0x13, 0xff, bytes[0]!][count % 4]!
      socket.send(bytes, count % 2 === 0 ? bob.bound()!.port : full!.port, '127.0.0.1')
      if (count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    socket.close()
    expect(await (await newNode().connect(bob.publicKey)).request(echo, body)).toEqual(body)
  })

  // These wait for seconds; they wait together.
  test.concurrent('says so where the network cannot be reached or the port is taken', async () => {
    const lost = createHyperdhtNode({ bootstrap: [`127.0.0.1:${await freePort()}`], bind: { host: '127.0.0.1' } })
    const { host = '', port = 0 } = network.fullNodes[0]?.bound() ?? {}
    const second = newNode({ bind: { host, port } })
    expect(await code(second.ready())).toBe('port-in-use')
    expect(await code(lost.listen())).toBe('network-unreachable')
    expect(lost.reflexive()).toBeUndefined()
    await lost.close()
  }, 20_000)

  test.concurrent('takes no more links than it was told to, from anyone and from one key', async () => {
    const [few, fewEach] = await Promise.all([listening({ maxLinks: 1 }), listening({ maxLinksPerKey: 1 })])
    const [alice, carol] = [newNode(), newNode()]
    await Promise.all([alice.connect(few.publicKey), alice.connect(fewEach.publicKey)])
    const refused = [carol.connect(few.publicKey), alice.connect(fewEach.publicKey)].map(code)
    expect(await Promise.all(refused)).toEqual(['peer-unreachable', 'peer-unreachable'])
    expect((await carol.connect(fewEach.publicKey)).relayed).toBe(false)
  }, 20_000)
})
