import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { fromHex, toHex } from '@myst/protocol'
import { expect, test } from 'vitest'
import { openLoopbackNetwork } from './loopback.ts'

const echo = '/myst/echo/1.0'
const body = new Uint8Array([1, 2, 3])

test('notices a killed peer within 8 s, and reaches its successor at once', async () => {
  const network = await openLoopbackNetwork()
  const seed = toHex(randomBytes(32))
  const [first, key] = await spawnPeer(network.bootstrap[0]!, seed)
  const alice = network.node()
  const link = await alice.connect(key)
  expect(await link.request(echo, body)).toEqual(body)
  first.kill('SIGKILL')
  const killedAt = performance.now()
  const [second] = await spawnPeer(network.bootstrap[0]!, seed)
  const startedAt = performance.now()
  const newLink = await alice.connect(key)
  expect(await newLink.request(echo, body)).toEqual(body)
  expect(performance.now() - startedAt).toBeLessThan(1_500)
  expect(await link.closed).toBe('link-lost')
  const noticedMs = performance.now() - killedAt
  expect(noticedMs).toBeGreaterThan(1_000)
  expect(noticedMs).toBeLessThan(8_500)
  await newLink.close()
  second.kill('SIGKILL')
  await alice.close()
  await network.close()
}, 20_000)

async function spawnPeer(bootstrap: string, seed: string): Promise<[ChildProcess, Uint8Array]> {
  const file = fileURLToPath(new URL('./hyperdht-peer.fixture.ts', import.meta.url))
  const peer = spawn(process.execPath, [file, bootstrap, seed], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(peer.stdout!, 'data')
  return [peer, fromHex(String(line).trim())]
}
