/**
 * Where the exchange is measured: a real chain, a real accountant, channels with money on them.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testMystTokenAbi } from '@myst/contracts'
import { deployDevnet, richKeys } from '@myst/devnet'
import {
  type Address,
  type Crypto,
  concatBytes,
  devnetId,
  formatNetworkProfile,
  fromHex,
  myst,
  type NetworkProfile,
  toHex,
  uintToBytes,
} from '@myst/protocol'
import { encryptKey, writeKeyFile } from '@myst/store'
import { startAnvil } from '../../tools/anvil.ts'
import { type AccountantProcess, startAccountant } from './children.ts'
import type { Where } from './generator.ts'

export interface World {
  readonly where: Where
  /** Gives each of them far more than it will promise. The channels are not deployed; an accountant takes them all the same. */
  fund(channels: readonly Address[]): Promise<void>
  /** The same data each time. */
  startAccountant(limits?: 'usual limits'): Promise<AccountantProcess>
  close(): Promise<void>
}

/** 5 %: what `deployDevnet` sets. */
const feeRate = 500
/** Where the test token keeps its balances. */
const balancesSlot = 0n
const requestsAtOnce = 1000

/** @param host one of 127.0.0.0/8, of this benchmark's own. */
export async function openWorld(crypto: Crypto, host: string, nodeArgs: readonly string[]): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'myst-exchange-'))
  // Each block of anvil's is a copy of all balances, a hundred megabytes of a million: seldom, they are given out in a minute.
  const chain = await startAnvil(['--block-time', '12', '--mixed-mining', '--prune-history', '256'])
  const { rpc, rpcUrl } = chain.client
  const close = async () => {
    await chain.close()
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const url = `http://${host}:4060`
    const operator = crypto.addressOf(richKeys.operator)
    const transactor = crypto.addressOf(richKeys.transactor)
    const { contracts, accountant, deployedAtBlock } = await deployDevnet(chain.client, { operator, transactor }, url)
    const profile: NetworkProfile = {
      networkId: devnetId,
      chainId: chain.client.chainId,
      rpcUrls: [rpcUrl],
      contracts,
      deployedAtBlock,
      confirmationDepth: 1,
      accountants: [{ address: accountant, operator, url }],
      transactorUrls: [],
      bootstrap: [],
      stunServers: [],
      exit: { publicRanges: [], publicEndpoints: [] },
      priceScale: 1n,
    }
    await writeKey(crypto, dir)
    const place = { profile, accountant, host }
    const unlimited = await writeConfig(dir, 'unlimited.json', { ...place, partyBytesPerSecond: 1 << 30 })
    const usual = await writeConfig(dir, 'usual.json', place)

    const fund = async (channels: readonly Address[]) => {
      for (let at = 0; at < channels.length; at += requestsAtOnce) {
        const requests = channels.slice(at, at + requestsAtOnce).map((channel, id) => ({
          jsonrpc: '2.0',
          id,
          method: 'anvil_setStorageAt',
          params: [contracts.token, balanceSlotOf(crypto, channel), toHex(uintToBytes(10_000n * myst))],
        }))
        const body = JSON.stringify(requests)
        const headers = { 'content-type': 'application/json' }
        await (await fetch(rpcUrl, { method: 'POST', headers, body })).arrayBuffer()
      }
      const last = channels.at(-1) as Address
      const balance = await rpc.readContract({
        address: contracts.token,
        abi: testMystTokenAbi,
        functionName: 'balanceOf',
        args: [last],
      })
      if (balance !== 10_000n * myst) throw new Error('the token keeps its balances elsewhere')
      // State that was written between blocks is in the next one.
      await rpc.request({ method: 'evm_mine', params: undefined } as never)
    }

    return {
      where: {
        url: `ws://${host}:4060/v1/exchange`,
        chainId: profile.chainId,
        accountant,
        operator,
        contracts,
        feeRate,
      },
      fund,
      startAccountant: (limits) => startAccountant(limits === undefined ? unlimited : usual, nodeArgs),
      close,
    }
  } catch (cause) {
    await close()
    throw cause
  }
}

async function writeKey(crypto: Crypto, dir: string): Promise<void> {
  await writeKeyFile(join(dir, 'passphrase'), 'bench')
  await writeKeyFile(join(dir, 'key.json'), await encryptKey(crypto, richKeys.operator, 'bench'))
}

/** @returns where it is. */
async function writeConfig(
  dir: string,
  name: string,
  { profile, ...place }: { profile: NetworkProfile; accountant: Address; host: string; partyBytesPerSecond?: number },
): Promise<string> {
  const profileFile = join(dir, 'profile.json')
  await writeFile(profileFile, formatNetworkProfile(profile))
  const configFile = join(dir, name)
  const files = { keyFile: join(dir, 'key.json'), passphraseFile: join(dir, 'passphrase'), profile: profileFile }
  // Nothing is collected meanwhile.
  const config = { ...place, ...files, dataDir: join(dir, 'accountant'), port: 4060, collectEveryMs: 3_600_000 }
  await writeFile(configFile, JSON.stringify(config))
  return configFile
}

const balanceSlotOf = (crypto: Crypto, owner: Address) =>
  toHex(crypto.keccak256(concatBytes(new Uint8Array(12), fromHex(owner), uintToBytes(balancesSlot))))
