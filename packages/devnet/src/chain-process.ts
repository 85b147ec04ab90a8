/**
 * The devnet's chain: anvil, mining at once what it gets and a block a second besides, so that the head moves when idle.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { type ChainClient, connectChain } from '@myst/chain'
import { Fault } from '@myst/protocol'
import type { Place } from './place.ts'
import { endProcess } from './processes.ts'

export const devnetChainId = 31_337n

export interface ChainProcess {
  /** Ours, over anvil's socket: it works across network namespaces. */
  readonly client: ChainClient
  /** For everybody else. */
  readonly rpcUrl: string
  readonly child: ChildProcess
}

const port = 8545
/** An anvil that does not answer by then is ended, and the start of the network fails with it. */
const startTimeoutMs = 10_000

/** @throws Fault `chain-not-started`. */
export async function startChain(place: Place, ipcPath: string): Promise<ChainProcess> {
  const args = ['--host', place.address, '--port', String(port), '--ipc', ipcPath, '--chain-id', String(devnetChainId)]
  // Mines at once, and a block a second besides. The state of old blocks is never asked for.
  const mining = ['--silent', '--block-time', '1', '--mixed-mining', '--prune-history', '256']
  const child = place.spawn(anvilPath(), [...args, ...mining], { stdio: 'ignore' })
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    try {
      const client = await connectChain({ rpcUrl: ipcPath, chainId: devnetChainId, pollingMs: 20 })
      return { client, rpcUrl: `http://${place.address}:${port}`, child }
    } catch (cause) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await endProcess(child)
        throw new Fault('chain-not-started', { exitCode: child.exitCode ?? undefined }, { cause })
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The program itself: npm's launcher would be a second process in between, which a signal to it doesn't reach. */
export function anvilPath(): string {
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const require = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'))
  return require.resolve(`${name}/bin/anvil`)
}
