import { createMemoryNetwork, type LinkNode, type MemoryNode, openLoopbackNetwork } from '@myst/link'
import { type SignedProposal, toHex } from '@myst/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { createDiscoveryClient, type DiscoveryClient, type SignOffer } from './client.ts'
import { createFullNode, type FullNode } from './full-node.ts'
import { bob, crypto, hexOf, identity, networkId, offer, startMs, type TestClock, testClock } from './testing.ts'
import {
  decode,
  encode,
  proposalPageSchema,
  proposalsProtocol,
  pushAnswerSchema,
  pushSchema,
  topicText,
} from './wire.ts'

const minute = 60_000
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close()
})

interface World {
  readonly clock: TestClock
  newNode(): MemoryNode
  fullNode(known?: readonly Uint8Array[]): Promise<FullNode & { readonly node: MemoryNode }>
  client(): DiscoveryClient
}

function newWorld(): World {
  const network = createMemoryNetwork()
  const clock = testClock()
  const newNode = (): MemoryNode => {
    const node = network.node({ onBug: (error) => expect.unreachable(String(error)) })
    open.push(node)
    return node
  }
  return {
    clock,
    newNode,
    async fullNode(known = []) {
      const node = newNode()
      const full = createFullNode({ node, crypto, clock }, { networkId, known })
      open.push(full)
      await node.listen()
      await full.start()
      return Object.assign(full, { node })
    },
    client() {
      const client = createDiscoveryClient({ node: newNode(), crypto, clock }, { networkId, ephemeral: true })
      open.push(client)
      return client
    },
  }
}

const signBy =
  (by: typeof bob): SignOffer =>
  ({ seq, nowMs, withdrawn }) =>
    offer(by, { seq, expiresAtMs: BigInt(nowMs + 90 * minute), ...(withdrawn && { withdrawn }) })
const everywhere = (full: readonly FullNode[], signed: SignedProposal): Promise<void> =>
  expect
    .poll(() => full.every((node) => node.proposals.live().some((held) => hexOf(held) === hexOf(signed))), {
      interval: 5,
    })
    .toBe(true) as Promise<void>

describe('full nodes', () => {
  test('meet under the topic and pass each new record on to all', async () => {
    const world = newWorld()
    const full = [await world.fullNode(), await world.fullNode(), await world.fullNode()]
    expect(full[2]!.neighbours).toBe(2)
    expect(full[0]!.followers).toBe(2)
    for (const [index, node] of full.entries()) {
      const signed = offer(identity(index))
      expect(node.publish(signed).verdict).toBe('accept')
      await everywhere(full, signed)
    }
  })

  test('hand a newcomer what they hold, tombstones too', async () => {
    const world = newWorld()
    const first = await world.fullNode()
    for (let number = 0; number < 70; number++) first.publish(offer(identity(number)))
    first.publish(offer(identity(3), { seq: 2n, withdrawn: true }))
    const newcomer = await world.fullNode()
    await expect.poll(() => newcomer.proposals.live().length).toBe(69)
    expect(newcomer.proposals.seqOf(`${identity(3).address}/wireguard`)).toBe(2n)
  })

  test('heal what a push missed when they reconcile', async () => {
    const world = newWorld()
    const first = await world.fullNode()
    const second = await world.fullNode()
    const signed = offer(bob)
    first.proposals.offer(signed) // behind the pusher's back
    world.clock.advance(7 * minute)
    await everywhere([second], signed)
  })

  test('find new neighbours when some are lost', async () => {
    const world = newWorld()
    const [first, second] = [await world.fullNode(), await world.fullNode()]
    expect(second.neighbours).toBe(1)
    first.node.vanish()
    await expect.poll(() => second.neighbours).toBe(0)
    const third = await world.fullNode()
    world.clock.advance(2 * minute)
    await expect.poll(() => second.neighbours).toBe(1)
    third.publish(offer(bob))
    await everywhere([second], offer(bob))
  })

  test('keep to their number of neighbours', async () => {
    const world = newWorld()
    const full: FullNode[] = []
    for (let count = 0; count < 12; count++) full.push(await world.fullNode())
    expect(Math.max(...full.map((node) => node.neighbours))).toBe(8)
    const signed = offer(bob)
    full[11]!.publish(signed)
    await everywhere(full, signed)
  })

  test('answer each pushed record with a code and part from who pushes forgeries', async () => {
    const world = newWorld()
    const full = await world.fullNode()
    const link = await world.newNode().connect(full.node.publicKey)
    const push = async (...proposals: SignedProposal[]): Promise<readonly string[]> => {
      const answer = await link.request(proposalsProtocol, encode(pushSchema, { proposals }))
      return decode(pushAnswerSchema, answer).codes
    }
    expect(await push(offer(bob), offer(bob))).toEqual(['accepted', 'proposal-known'])
    const forged = { ...offer(identity(2)), signature: offer(bob).signature }
    expect(await push(forged)).toEqual(['proposal-wrong-signer'])
    await push(...Array<SignedProposal>(25).fill(forged)).catch(() => {})
    expect(await link.closed).toBe('proposals-invalid')
    expect(full.proposals.size).toBe(1)
  })

  test('refuse what is no message, with its code', async () => {
    const world = newWorld()
    const full = await world.fullNode()
    const link = await world.newNode().connect(full.node.publicKey)
    for (const protocol of [proposalsProtocol, '/myst/proposal-list/1.0', '/myst/sync/1.0']) {
      await expect(link.request(protocol, Uint8Array.of(0xff))).rejects.toMatchObject({ code: 'message-invalid' })
    }
  })

  test('take a bounded number of records from one prefix', async () => {
    const world = newWorld()
    const full = await world.fullNode()
    const link = await world.newNode().connect(full.node.publicKey)
    // 1,000 are the bound; signing as many takes seconds, so the keeper's own test shows the count and this the source.
    await link.request(proposalsProtocol, encode(pushSchema, { proposals: [offer(bob)] }))
    const host = '198.18.0'
    expect(full.proposals.offer(offer(identity(9)), { name: host, maxRecords: 1 })).toMatchObject({
      code: 'source-full',
    })
  })
})

describe('a light participant', () => {
  test('finds what a provider published, from two full nodes', async () => {
    const world = newWorld()
    for (let count = 0; count < 3; count++) await world.fullNode()
    await world.client().publish(signBy(bob))
    const found = await world.client().list({ country: 'DE', serviceType: 'wireguard' })
    expect(found.sources).toBeGreaterThanOrEqual(2)
    expect(found.proposals.map(({ proposal }) => proposal.provider)).toEqual([bob.address])
    expect((await world.client().list({ country: 'FR' })).proposals).toEqual([])
  })

  test('finds everything while one full node is dead', async () => {
    const world = newWorld()
    const full = [await world.fullNode(), await world.fullNode(), await world.fullNode()]
    const client = world.client()
    await client.list()
    await world.client().publish(signBy(bob))
    await everywhere(full, full[0]!.proposals.live()[0]!)
    full[1]!.node.vanish()
    for (const asking of [client, world.client()]) {
      const found = await asking.list()
      expect(found.sources).toBeGreaterThanOrEqual(2)
      expect(found.proposals).toHaveLength(1)
    }
  })

  test('says so when no full node answers, and stops when told to', async () => {
    const world = newWorld()
    const client = world.client()
    await expect(client.list()).rejects.toMatchObject({ code: 'full-nodes-unreachable' })
    await expect(client.publish(signBy(bob))).rejects.toMatchObject({ code: 'full-nodes-unreachable' })
    const reason = new Error('enough')
    await expect(client.list({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('believes no full node that forges, repeats or brings back what was withdrawn', async () => {
    const world = newWorld()
    const honest = await world.fullNode()
    honest.publish(offer(identity(3)))
    honest.publish(offer(bob, { seq: 2n, withdrawn: true }))
    const liar = world.newNode()
    const forged = offer({ ...identity(5), address: identity(4).address })
    const old = [offer(bob), offer(identity(3)), offer(identity(3)), forged, offer(identity(6), { networkId: 'other' })]
    liar.onLink((link) => {
      link.onRequest('/myst/proposal-list/1.0', () => encode(proposalPageSchema, { proposals: old, next: 'a' }))
    })
    await liar.listen()
    await liar.announce(crypto.keccak256(new TextEncoder().encode(topicText(networkId))))
    const { proposals, sources } = await world.client().list()
    expect(sources).toBe(2)
    expect(proposals.map(({ proposal }) => proposal.provider)).toEqual([identity(3).address])
  })

  test('refreshes its offer before it expires, and withdraws it everywhere', async () => {
    const world = newWorld()
    const full = [await world.fullNode(), await world.fullNode(), await world.fullNode(), await world.fullNode()]
    const published = await world.client().publish(signBy(bob))
    expect(published.holders).toBeGreaterThanOrEqual(2)
    const seq = (node: FullNode): bigint => node.proposals.seqOf(`${bob.address}/wireguard`) ?? 0n
    for (let round = 1; round <= 4; round++) {
      world.clock.advance(31 * minute)
      await expect
        .poll(() => full.map((node) => Number(seq(node) - BigInt(startMs)) / minute > round * 31 - 5))
        .toEqual([true, true, true, true])
    }
    expect(full.map((node) => node.proposals.live().length)).toEqual([1, 1, 1, 1])
    await published.withdraw()
    await expect.poll(() => full.every((node) => node.proposals.live().length === 0)).toBe(true)
    world.clock.advance(31 * minute)
    expect((await world.client().list()).proposals).toEqual([])
  })

  test('tells a provider why nobody takes its offer', async () => {
    const world = newWorld()
    await world.fullNode()
    const forged: SignOffer = (next) => ({ ...signBy(bob)(next), signature: new Uint8Array(65) })
    await expect(world.client().publish(forged)).rejects.toMatchObject({
      code: 'proposal-refused',
      facts: { code: 'proposal-wrong-signer' },
    })
  })
})

test('works on a real HyperDHT network, also after a full node was lost', async () => {
  const network = await openLoopbackNetwork()
  open.push(network)
  const startFull = async (node: LinkNode): Promise<FullNode> => {
    const full = createFullNode({ node, crypto }, { networkId })
    await node.listen()
    await full.start()
    return full
  }
  const full: FullNode[] = []
  for (const node of network.fullNodes) full.push(await startFull(node))
  const [provider, consumer] = [network.node(), network.node()]
  open.push(provider, consumer)
  const publisher = createDiscoveryClient({ node: provider, crypto }, { networkId })
  const client = createDiscoveryClient({ node: consumer, crypto }, { networkId, ephemeral: true })
  await publisher.publish(signBy(bob))
  await expect.poll(() => full.every((node) => node.proposals.live().length === 1)).toBe(true)
  const found = await client.list({ serviceType: 'wireguard' })
  expect([found.sources >= 2, found.proposals.length]).toEqual([true, 1])
  expect(toHex(found.proposals[0]!.proposal.transportKey)).toBe(toHex(crypto.keccak256(bob.privateKey)))

  await full[2]!.close()
  await network.fullNodes[2]!.close()
  const again = createDiscoveryClient({ node: consumer, crypto }, { networkId, ephemeral: true })
  const startedAt = performance.now()
  expect(await again.list()).toMatchObject({ sources: 2, proposals: [{ proposal: { provider: bob.address } }] })
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  await Promise.all([publisher.close(), client.close(), again.close(), full[0]!.close(), full[1]!.close()])
}, 30_000)
