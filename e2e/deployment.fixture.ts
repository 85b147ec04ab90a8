/**
 * A chain for founders: keys with money of their own, mining that can be held, a node that misbehaves as told.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChainClient, connectChain } from '@myst/chain'
import { type ChainProcess, endProcess, startChain } from '@myst/devnet'
import { type Address, type Crypto, type Hex, myst, uintToBytes } from '@myst/protocol'

export interface FounderChain {
  readonly dir: string
  readonly rpcUrl: string
  readonly client: ChainClient
  /** Anvil's own methods. */
  ask(method: string, ...params: readonly unknown[]): Promise<unknown>
  /** A key of its own; each call another one. */
  founder(balance?: bigint): Promise<{ readonly key: Uint8Array; readonly address: Address }>
  /** Transactions stay in the pool meanwhile. */
  holdMining(): Promise<void>
  resumeMining(): Promise<void>
  close(): Promise<void>
}

/** @param host one of 127.0.0.0/8; each test file takes its own. @param more flags of anvil. */
export async function openFounderChain(
  crypto: Crypto,
  host: string,
  more: readonly string[] = [],
): Promise<FounderChain> {
  const dir = await mkdtemp(join(tmpdir(), 'myst-founder-'))
  const chain: ChainProcess = await startChain(
    { address: host, spawn: (command, args, options) => spawn(command, [...args, ...more], options) },
    `${dir}/chain.ipc`,
  )
  const client = await connectChain({ rpcUrl: chain.rpcUrl, pollingMs: 20 })
  const ask: FounderChain['ask'] = (method, ...params) =>
    client.rpc.request({ method: method as never, params: params as never })
  let founders = 0n
  return {
    dir,
    rpcUrl: chain.rpcUrl,
    client,
    ask,
    async founder(balance = 10n * myst) {
      founders += 1n
      const key = uintToBytes(0xf00_0000n + founders)
      const address = crypto.addressOf(key)
      await ask('anvil_setBalance', address, `0x${balance.toString(16)}`)
      return { key, address }
    },
    async holdMining() {
      await ask('evm_setAutomine', false)
      await ask('evm_setIntervalMining', 0)
    },
    async resumeMining() {
      await ask('evm_setIntervalMining', 1)
      await ask('evm_setAutomine', true)
      await ask('anvil_mine', '0x1')
    },
    async close() {
      await endProcess(chain.child)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A call as a node gets it. */
export interface RpcCall {
  readonly id: number
  readonly method: string
  readonly params: readonly Hex[]
}

/** Stands before a node, and answers in its place what `misbehave` gives: an error's text. */
export async function misbehavingNode(
  rpcUrl: string,
  host: string,
  misbehave: (call: RpcCall) => string | undefined,
): Promise<{ readonly rpcUrl: string; close(): void }> {
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const calls = [JSON.parse(Buffer.concat(parts).toString())].flat() as RpcCall[]
    const answers = await Promise.all(
      calls.map(async (call) => {
        const message = misbehave(call)
        if (message !== undefined) return { jsonrpc: '2.0', id: call.id, error: { code: -32_000, message } }
        const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(call) }
        return (await fetch(rpcUrl, asked)).json()
      }),
    )
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers))
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as { port: number }
  return { rpcUrl: `http://${host}:${port}`, close: () => server.closeAllConnections() ?? server.close() }
}
