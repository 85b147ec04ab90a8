/**
 * The accountant as a program: adapters meet ports here.
 *
 * @module
 */

import { connectChain, createSender, followEvents, reach } from '@myst/chain'
import { accountantAbi, registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, Fault, field, fromHex, message, myst, type NetworkProfile, uint } from '@myst/protocol'

import { openSqliteStore, table } from '@myst/store'
import { createChannelView } from './channel-view.ts'
import { createCollector } from './collector.ts'
import { createExchangeService } from './exchange-service.ts'
import { type AccountantStatus, createHttpServer } from './http-server.ts'
import { noTotals, openLedger, totalsKey } from './ledger/index.ts'

export interface AccountantOptions {
  readonly profile: NetworkProfile
  /** Which of the profile's accountants this is. */
  readonly accountant: Address
  /** Signs promises and pays gas. */
  readonly operatorKey: Uint8Array
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly collectEveryMs: number
  readonly collectFrom: bigint
  /** What opening a channel and collecting from it cost, in MYST. */
  readonly openCost: bigint
  readonly log: (line: string) => void
}

export interface Accountant {
  readonly url: string
  status(): Promise<AccountantStatus>
  /** Settles every revealed promise now. @returns what was collected. */
  collect(): Promise<bigint>
  close(): Promise<void>
}

export const defaultOptions = {
  host: '127.0.0.1',
  port: 4060,
  /** Looks for what to collect and what to hold; a quarter of an exit's delay is a day. */
  collectEveryMs: 60_000,
  collectFrom: myst,
  openCost: myst / 20n,
} as const

/** A promise that adds less than a millionth of a MYST is not worth its check. */
export const minDelta = 10n ** 12n

/** A quiet chain's blocks are looked at again after a restart, for this long at most. */
const cursorEveryMs = 60_000
const cursorTable = table('cursors', message({ nextBlock: field(0, uint(64)) }))

export async function startAccountant(options: AccountantOptions): Promise<Accountant> {
  const { profile, accountant, operatorKey, log } = options
  const { chainId } = profile
  const crypto = await loadNativeCrypto()
  const [rpcUrl = ''] = profile.rpcUrls
  const client = await connectChain({ rpcUrl, chainId, pollingMs: 100 })
  const terms = await readTerms()
  if (terms.operator.toLowerCase() !== crypto.addressOf(operatorKey)) {
    throw new Fault('operator-key-wrong', { accountant, registered: terms.operator })
  }
  const store = openSqliteStore(`${options.dataDir}/accountant.db`)
  const ledger = openLedger(store)
  const now = Date.now
  const channels = createChannelView(
    { clients: [client], crypto, now, onFault: (fault) => log(fault.message) },
    profile,
    {
      accountant,
      exitDelayS: terms.exitDelay,
      openCost: options.openCost,
      maxRegistrationFee: terms.maxRegistrationFee,
      freshMs: 1000,
    },
  )
  const service = createExchangeService(
    { crypto, ledger, channels, now },
    { chainId, accountant, operatorKey, feeRate: Number(terms.feeRate), minDelta },
  )
  const onFault = (fault: Fault) => log(fault.message)
  const collector = createCollector(
    { sender: createSender(client, operatorKey), crypto, ledger, channels, onFault },
    {
      accountant,
      registry: profile.contracts.registry,
      minAmount: options.collectFrom,
      everyMs: options.collectEveryMs,
    },
  )
  let cursorSavedMs = now()
  // A settlement on chain shows its preimage to everybody: it counts as revealed.
  const settlements = followEvents(client, {
    address: accountant,
    abi: accountantAbi,
    event: 'ProviderSettled',
    depth: 1,
    fromBlock: cursorTable.load(store).get('settlements')?.nextBlock ?? profile.deployedAtBlock,
    pollingMs: 500,
    onFault,
    async onEvents(events, nextBlock) {
      for (const { args } of events) {
        await service.reveal(args.provider.toLowerCase() as Address, fromHex(args.preimage))
      }
      if (events.length === 0 && now() - cursorSavedMs < cursorEveryMs) return
      cursorSavedMs = now()
      store.commit([cursorTable.put('settlements', { nextBlock })])
    },
  })

  async function readTerms() {
    const { rpc } = client
    const read = (functionName: 'operator' | 'feeRate' | 'exitDelay') =>
      rpc.readContract({ address: accountant, abi: accountantAbi, functionName })
    return reach(rpcUrl, async () => {
      const [operator, feeRate, exitDelay, maxRegistrationFee] = await Promise.all([
        read('operator') as Promise<Address>,
        read('feeRate') as Promise<bigint>,
        read('exitDelay') as Promise<bigint>,
        rpc.readContract({
          address: profile.contracts.registry,
          abi: registryAbi,
          functionName: 'maxRegistrationFee',
        }),
      ])
      return { operator, feeRate, exitDelay, maxRegistrationFee }
    })
  }

  async function status(): Promise<AccountantStatus> {
    const totals = ledger.get('totals', totalsKey) ?? noTotals
    const freeFunds = await reach(rpcUrl, () =>
      client.rpc.readContract({ address: accountant, abi: accountantAbi, functionName: 'freeFunds' }),
    )
    return {
      accountant,
      chainId: chainId.toString(),
      feeRate: Number(terms.feeRate),
      credited: totals.credited.toString(),
      fees: totals.fees.toString(),
      batches: totals.batches,
      promises: totals.promises,
      freeFunds: freeFunds.toString(),
      running: ledger.running,
    }
  }

  const domain = { chainId, verifyingContract: accountant }
  const server = createHttpServer({ crypto, service, domain, now, status, isRunning: () => ledger.running, log })
  const url = await server.listen({ host: options.host, port: options.port })
  log(`accountant ${accountant} at ${url}, fee ${Number(terms.feeRate) / 100} %`)
  return {
    url,
    status,
    collect: () => collector.collect({ all: true }),
    async close() {
      await server.close()
      await settlements.close()
      await collector.close()
      store.close()
    },
  }
}
