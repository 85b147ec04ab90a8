/**
 * A command that is killed takes its program along: what it started pays, cleans up and ends.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, devnetId, formatNetworkProfile } from '@myst/protocol'
import { afterAll, expect, test } from 'vitest'
import { createPrograms } from './program.fixture.ts'

const dir = await mkdtemp(join(tmpdir(), 'myst-orphan-'))
const programs = createPrograms(() => dir)

afterAll(async () => {
  programs.killAll()
  await rm(dir, { recursive: true, force: true })
})

const at = (byte: number) => `0x${byte.toString(16).padStart(2, '0').repeat(20)}` as Address
/** Its chain, accountant and full nodes are away, which holds up no start. */
const network = formatNetworkProfile({
  networkId: devnetId,
  chainId: 31337n,
  rpcUrls: ['http://127.0.68.1:8545'],
  contracts: { token: at(1), registry: at(2), channelImplementation: at(3) },
  deployedAtBlock: 0n,
  confirmationDepth: 1,
  accountants: [{ address: at(5), operator: at(6), url: 'http://127.0.68.1:4060' }],
  transactorUrls: [],
  bootstrap: ['127.0.68.1:4040'],
  stunServers: [],
  exit: { publicRanges: [], publicEndpoints: [] },
  priceScale: 1n,
})

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return new RegExp(`^PPid:\\s${pid}$`, 'm').test(readFileSync(`/proc/${name}/status`, 'utf8'))
      } catch {
        return false
      }
    })
    .map(Number)
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test.skipIf(process.platform !== 'linux')(
  'a node ends with the command that started it, also where that is killed',
  async () => {
    await writeFile(join(dir, 'network.json'), network)
    const command = programs.startMyst(['node', '--network', 'network.json'])
    await expect.poll(command.said, { timeout: 60_000 }).toContain('The node runs')
    const children = childrenOf(command.child.pid ?? 0)
    expect(children).toHaveLength(1)
    command.child.kill('SIGKILL')
    try {
      await expect.poll(() => children.filter(runs), { timeout: 20_000 }).toEqual([])
      // It closed, and was not merely killed.
      expect(existsSync(join(dir, 'data/api.sock'))).toBe(false)
    } finally {
      for (const pid of children.filter(runs)) process.kill(pid, 'SIGKILL')
    }
  },
  100_000,
)
