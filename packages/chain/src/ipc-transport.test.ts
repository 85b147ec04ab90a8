import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openChain } from './chain-client.ts'

let dir: string
let path: string
let node: Awaited<ReturnType<typeof startNode>>

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'myst-ipc-'))
  path = join(dir, 'chain.ipc')
  node = await startNode()
})
afterEach(async () => {
  await node.close()
  await rm(dir, { recursive: true, force: true })
})

/** Says one to whatever it is asked. */
async function startNode() {
  const open = new Set<Socket>()
  let isSilent = false
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('data', (asked) => {
      // What is not read when it ends makes the other side's socket fail.
      if (isSilent) return void socket.destroy()
      socket.write(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(String(asked)).id, result: '0x1' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    fallSilent: () => {
      isSilent = true
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

test.each(['between two requests', 'in the middle of one'])(
  'answers again when a node is back that ended %s',
  async (when) => {
    const { rpc } = openChain({ rpcUrl: path, chainId: 1n })
    expect(await rpc.getChainId()).toBe(1)
    if (when === 'in the middle of one') {
      node.fallSilent()
      await expect(rpc.getChainId()).rejects.toThrow()
    }
    await node.close()
    await expect(rpc.getChainId()).rejects.toThrow()
    node = await startNode()
    expect(await rpc.getChainId()).toBe(1)
  },
)
