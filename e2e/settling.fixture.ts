/**
 * A provider whose accountants have promised it something, on a real chain with the real contracts: what tests of settling
 * need, without sessions.
 *
 * @module
 */

import { deriveKeys, systemClock } from '@myst/billing'
import { createSender, registerAccountant } from '@myst/chain'
import { accountantAbi, mystTokenAbi } from '@myst/contracts'
import { richKeys } from '@myst/devnet'
import {
  createOwnWallet,
  createSettler,
  type Settler,
  type SettlerDeps,
  type SettlerOptions,
  settlementOptions,
} from '@myst/node'
import { createTransactorClient } from '@myst/node/payment-shells'

import { type Address, accountantPromiseStruct, type Crypto, hashlockOf, hashTypedData, myst } from '@myst/protocol'
import { openSqliteStore, type RecordStore } from '@myst/store'
import { openTestChain, type TestChain } from './chain.fixture.ts'

export interface Earner {
  readonly identity: Address
  readonly key: Uint8Array
  /** All that this accountant has promised so far. */
  promise(accountant: Address, amount: bigint): void
  start(change?: Partial<SettlerOptions>, deps?: Partial<SettlerDeps>): Settler
  /** Ends it as a crash leaves it; the disk stays. */
  stop(): Promise<void>
  readonly settler: Settler
  readonly said: string[]
  readonly store: RecordStore
}

export type SettlingWorld = Awaited<ReturnType<typeof openSettlingWorld>>

/** Settles from 2 MYST on, without asking whether it is cheap. */
export const policy = { ...settlementOptions(1n).policy, allowance: 100n * myst, always: 2n * myst }

export async function openSettlingWorld(crypto: Crypto, host: string) {
  const world: TestChain = await openTestChain(crypto, host)
  const { client } = world.chain
  const { chainId } = client
  const operators = new Map<Address, Uint8Array>([[world.network.accountant, richKeys.operator]])
  const earners: Earner[] = []

  const rpc = (method: string, ...params: unknown[]) => client.rpc.request({ method, params } as never)
  const giveGas = (to: Address) => rpc('anvil_setBalance', to, '0xde0b6b3a7640000')

  function newEarner(): Earner {
    const key = crypto.keccak256(Uint8Array.of(earners.length + 1, 0x5e))
    const keys = deriveKeys(crypto, key)
    const promised = new Map<Address, { amount: bigint; signature: Uint8Array; preimage: Uint8Array }>()
    const said: string[] = []
    const path = `${world.dir}/earner-${earners.length}.db`
    let store = openSqliteStore(path)
    let settler: Settler | undefined
    const earner: Earner = {
      identity: keys.identity,
      key,
      said,
      promise(accountant, amount) {
        const preimage = crypto.keccak256(Uint8Array.of(7, promised.size))
        const hashlock = hashlockOf(crypto, preimage)
        const domain = { chainId, verifyingContract: accountant }
        const hash = hashTypedData(crypto, domain, accountantPromiseStruct, {
          provider: keys.identity,
          amount,
          hashlock,
        })
        const signature = crypto.sign(hash, operators.get(accountant) as Uint8Array)
        promised.set(accountant, { amount, signature, preimage })
      },
      start(change = {}, deps = {}) {
        const { contracts } = world.profile
        const wallet = createOwnWallet(crypto, client, contracts, key)
        settler = createSettler(
          {
            crypto,
            clock: systemClock,
            store,
            client,
            transactors: [...world.profile.transactorUrls.map(createTransactorClient), wallet.transactor],
            sources: () =>
              new Map(
                [...promised].map(([accountant, newest]) => [
                  accountant,
                  { uncredited: 0n, newest: () => newest, flush: async () => {} },
                ]),
              ),
            onChange: () => {},
            log: (line) => said.push(line),
            random: () => 0,
            ...deps,
          },
          { keys, profile: world.profile, policy, automatic: true, to: {}, ...change },
        )
        return settler
      },
      async stop() {
        await settler?.close()
        settler = undefined
        store.close()
        store = openSqliteStore(path)
      },
      get settler() {
        if (settler === undefined) throw new Error('not started')
        return settler
      },
      get store() {
        return store
      },
    }
    earners.push(earner)
    return earner
  }

  return {
    world,
    client,
    rpc,
    giveGas,
    newEarner,
    /** Another accountant, with this much to settle from. */
    async newAccountant(funds: bigint, stake = 100n * myst): Promise<Address> {
      const operatorKey = crypto.keccak256(Uint8Array.of(operators.size, 0x09))
      const sender = createSender(client, richKeys.deployer)
      await world.network.faucet(sender.address, stake + funds)
      const accountant = await registerAccountant(client, sender, world.network.contracts, {
        operator: crypto.addressOf(operatorKey),
        stake,
        feeRate: 0n,
        url: 'http://nowhere.invalid',
        funds,
      })
      operators.set(accountant, operatorKey)
      return accountant
    },
    balanceOf: (of: Address) =>
      client.rpc.readContract({
        address: world.network.contracts.token,
        abi: mystTokenAbi,
        functionName: 'balanceOf',
        args: [of],
      }),
    providerOf: (earner: Earner, accountant = world.network.accountant) =>
      client.rpc.readContract({
        address: accountant,
        abi: accountantAbi,
        functionName: 'providerOf',
        args: [earner.identity],
      }),
    sentBy: (of: Address) => client.rpc.getTransactionCount({ address: of }),
    mine: (blocks: number) => rpc('anvil_mine', `0x${blocks.toString(16)}`),
    async holdMining() {
      await rpc('evm_setAutomine', false)
      await rpc('evm_setIntervalMining', 0)
    },
    async resumeMining() {
      await rpc('evm_setAutomine', true)
      await rpc('evm_setIntervalMining', 1)
    },
    async close() {
      for (const earner of earners) {
        await earner.stop()
        earner.store.close()
      }
      await world.close()
    },
  }
}
