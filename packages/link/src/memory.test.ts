import { linkCompliance } from '@myst/testkit'
import { expect, test } from 'vitest'
import { createMemoryNetwork } from './memory.ts'

linkCompliance('memory', async () => {
  const network = createMemoryNetwork()
  return { node: async (options) => network.node(options), close: async () => {} }
})

test('runs the example of the door', async () => {
  const network = createMemoryNetwork()
  const [alice, bob] = [network.node(), network.node()]
  bob.onLink((link) => link.onRequest('/myst/greeting/1.0', (name) => Buffer.concat([Buffer.from('hello '), name])))
  await bob.listen()

  const link = await alice.connect(bob.publicKey)
  const answer = await link.request('/myst/greeting/1.0', Buffer.from('bob'))
  expect(Buffer.from(answer).toString()).toBe('hello bob')
  await link.close()
})

test('a node that vanishes loses its links without a word, and cannot be dialled', async () => {
  const network = createMemoryNetwork()
  const [alice, bob] = [network.node(), network.node()]
  const topic = new Uint8Array(32)
  await bob.listen()
  await bob.announce(topic)
  const link = await alice.connect(bob.publicKey)
  bob.vanish()
  expect(await link.closed).toBe('link-lost')
  expect(await alice.lookup(topic)).toEqual([bob.publicKey])
  await expect(alice.connect(bob.publicKey)).rejects.toMatchObject({ code: 'peer-unreachable' })
})
