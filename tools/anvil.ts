/**
 * A chain of one's own for a tool: anvil on a free port of loopback, mining what it gets, ended with its starter.
 *
 * The devnet's chain keeps time, as a network of people needs it; this one has its time from whoever uses it.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type ChainClient, connectChain } from '@myst/chain'
import { anvilPath } from '@myst/devnet'

export interface Anvil {
  readonly client: ChainClient
  close(): Promise<void>
}

const chainId = 31_337n
const startTimeoutMs = 10_000

/** @throws where it does not listen in time; its last words are on stderr. */
export async function startAnvil(args: readonly string[] = []): Promise<Anvil> {
  const fixed = ['--host', '127.0.0.1', '--port', '0', '--chain-id', String(chainId)]
  const child = spawn(anvilPath(), [...fixed, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = () => child.kill()
  process.once('exit', end)
  const close = async () => {
    process.off('exit', end)
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  }
  const timer = setTimeout(end, startTimeoutMs)
  try {
    for await (const line of createInterface(child.stdout)) {
      const rpcUrl = /^Listening on (\S+)/.exec(line)?.[1]
      if (rpcUrl === undefined) continue
      // What it says from now on, a line for each call, nobody reads; a full pipe would stop it.
      child.stdout.resume()
      return { client: await connectChain({ rpcUrl: `http://${rpcUrl}`, chainId, pollingMs: 20 }), close }
    }
    throw new Error('anvil ended before it listened')
  } catch (cause) {
    await close()
    throw cause
  } finally {
    clearTimeout(timer)
  }
}
