/**
 * A chain with the devnet's contracts on an address of its own, for tests that need no nodes.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Accountant, type AccountantOptions, startAccountant } from '@myst/accountant'
import { type ChainProcess, type DevnetContracts, deployDevnet, endProcess, richKeys, startChain } from '@myst/devnet'
import {
  type Address,
  type Crypto,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  exchangeReplySchema,
  formatNetworkProfile,
  maxBatchBytes,
  type NetworkProfile,
  type Schema,
  type SignedContent,
  signedContent,
  signRequest,
} from '@myst/protocol'
import { encryptKey, writeKeyFile } from '@myst/store'

export interface TestChain {
  readonly dir: string
  readonly chain: ChainProcess
  readonly network: DevnetContracts
  /** Names one accountant, at `accountantUrl`. */
  readonly profile: NetworkProfile
  readonly accountantUrl: string
  /** In this process, with the operator's key; it collects only what a test asks for. */
  startAccountant(change?: Partial<AccountantOptions>): Promise<Accountant>
  /** For the accountant as a program: its configuration with `changes`, its key and its profile. @returns its path. */
  writeConfig(changes?: object, name?: string): Promise<string>
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
  const at = (file: string) => join(dir, file)
  const files = { profile: at('network.json'), keyFile: at('operator.json'), passphraseFile: at('operator.pass') }
  async function writeFiles(): Promise<void> {
    const passphrase = 'correct horse battery'
    await writeFile(files.profile, formatNetworkProfile(profile))
    await writeKeyFile(files.passphraseFile, `${passphrase}\n`)
    await writeKeyFile(files.keyFile, await encryptKey(crypto, richKeys.operator, passphrase, 2 ** 10))
  }
  /** Once: a second configuration must not change what a program of the first one is reading. */
  let written: Promise<void> | undefined
  return {
    dir,
    chain,
    network,
    profile,
    accountantUrl,
    startAccountant: (change = {}) =>
      startAccountant({
        profile,
        accountant: network.accountant,
        operatorKey: richKeys.operator,
        dataDir: `${dir}/accountant`,
        host,
        port: 4060,
        collectEveryMs: 3_600_000,
        collectFrom: 1n,
        openCost: 0n,
        partyBytesPerSecond: 1 << 20,
        trustProxy: false,
        log: () => {},
        ...change,
      }),
    async writeConfig(changes = {}, name = 'accountant.json') {
      written ??= writeFiles()
      await written
      const config = { ...files, dataDir: at('data'), host, port: 4060, collectEveryMs: 3_600_000, ...changes }
      await writeFile(at(name), JSON.stringify(config))
      return at(name)
    },
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

export interface SignedCall<T> {
  readonly key: Uint8Array
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Uint8Array
  readonly answer: Schema<T>
}

/** Asks an accountant in one's own name. @throws with the status and what it said, where it answers nothing of that shape. */
export async function askSigned<T>(crypto: Crypto, world: TestChain, call: SignedCall<T>): Promise<T> {
  const { key, method, path, body = new Uint8Array(), answer } = call
  const domain = { chainId: world.profile.chainId, verifyingContract: world.network.accountant as Address }
  const own = { identity: crypto.addressOf(key), privateKey: key, nowMs: Date.now() }
  const authorization = signRequest(crypto, domain, { method, path, body }, own)
  const response = await fetch(world.accountantUrl + path, {
    method,
    headers: { authorization, ...(body.length > 0 ? { 'content-type': 'application/cbor' } : {}) },
    ...(body.length > 0 ? { body: Buffer.from(body) } : {}),
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  const decoded = decodeMessage(answer, bytes, maxBatchBytes + 4096)
  if (response.ok && decoded.ok) return decoded.value
  throw new Error(`${response.status} ${new TextDecoder().decode(bytes.slice(0, 200))}`)
}
