/**
 * A chain with the devnet's contracts on an address of its own, for tests that need no nodes.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChainProcess, type DevnetContracts, deployDevnet, endProcess, richKeys, startChain } from '@myst/devnet'
import {
  type Crypto,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  exchangeReplySchema,
  maxBatchBytes,
  type NetworkProfile,
  type SignedContent,
  signedContent,
} from '@myst/protocol'

export interface TestChain {
  readonly dir: string
  readonly chain: ChainProcess
  readonly network: DevnetContracts
  /** Names one accountant, at `accountantUrl`. */
  readonly profile: NetworkProfile
  readonly accountantUrl: string
  close(): Promise<void>
}

/** @param host one of 127.0.0.0/8; each test file takes its own. */
export async function openTestChain(crypto: Crypto, host: string): Promise<TestChain> {
  const dir = await mkdtemp(join(tmpdir(), 'myst-chain-'))
  const chain = await startChain(
    { address: host, spawn: (command, args, options) => spawn(command, [...args], options) },
    `${dir}/chain.ipc`,
  )
  const accountantUrl = `http://${host}:4060`
  const operator = crypto.addressOf(richKeys.operator)
  const transactor = crypto.addressOf(richKeys.transactor)
  const network = await deployDevnet(chain.client, { operator, transactor }, accountantUrl)
  const profile: NetworkProfile = {
    networkId: 'devnet',
    chainId: chain.client.chainId,
    rpcUrls: [chain.rpcUrl],
    contracts: network.contracts,
    deployedAtBlock: network.deployedAtBlock,
    confirmationDepth: 1,
    accountants: [{ address: network.accountant, operator, url: accountantUrl }],
    transactorUrls: [],
    bootstrap: [],
    stunServers: [],
    exit: { publicRanges: [], publicEndpoints: [] },
    priceScale: 1n,
  }
  return {
    dir,
    chain,
    network,
    profile,
    accountantUrl,
    async close() {
      await endProcess(chain.child)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Posts a signed batch to an accountant, as a provider does. */
export async function postBatch(accountantUrl: string, signed: SignedContent): Promise<ExchangeReply> {
  const response = await fetch(`${accountantUrl}/v1/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: Buffer.from(encodeMessage(signedContent(maxBatchBytes), signed)),
  })
  const reply = decodeMessage(exchangeReplySchema, new Uint8Array(await response.arrayBuffer()), maxBatchBytes + 4096)
  if (!reply.ok) throw new Error(reply.refusal.code)
  return reply.value
}
