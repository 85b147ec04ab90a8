/**
 * The accountant as a program: adapters meet ports here.
 *
 * @module
 */

import { connectChain, createSender, followEvents, openChain, reach } from '@myst/chain'
import { accountantAbi, consumerChannelAbi, registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  channelAddress,
  Fault,
  field,
  fromHex,
  maxBatchBytes,
  message,
  myst,
  type NetworkProfile,
  uint,
} from '@myst/protocol'
import { openSqliteStore, table } from '@myst/store'
import { createAdmission } from './admission.ts'
import { createAger } from './ager.ts'
import { createChannelView } from './channel-view.ts'
import { createCollector } from './collector.ts'
import { createExchangeService } from './exchange-service.ts'
import { createFastExits } from './fast-exits.ts'
import { type AccountantStatus, createHttpServer } from './http-server.ts'
import { noTotals, openLedger, totalsKey } from './ledger/index.ts'
import { createMetrics } from './metrics.ts'
import { openLedgerStore } from './open-ledger-store.ts'
import { watchOperator } from './operator-watch.ts'
import { createRecoveryService, defaultRecoveryMs, recoveryText } from './recovery-service.ts'
import { createResigning } from './resigning.ts'
import { findUnknownSettlements } from './settlement-check.ts'
import { createSignaturePool } from './signatures/pool.ts'
import { serveStream } from './stream-server.ts'

export interface AccountantOptions {
  readonly profile: NetworkProfile
  /** Which of the profile's accountants this is. */
  readonly accountant: Address
  /** Signs promises and pays gas. */
  readonly operatorKey: Uint8Array
  /** The key that replaces it. From the announcement on both are here; whichever the contract knows signs. */
  readonly nextOperatorKey?: Uint8Array | undefined
  readonly dataDir: string
  /** `postgres://…` where several processes share a ledger; absent: a file in `dataDir`. */
  readonly ledger?: string | undefined
  readonly host: string
  readonly port: number
  readonly collectEveryMs: number
  readonly collectFrom: bigint
  /** What opening a channel and collecting from it cost, in MYST. */
  readonly openCost: bigint
  /** Of batches of one identity; of one address twice as many. */
  readonly partyBytesPerSecond: number
  /** After a restore: how long no channel is drawn on; a day by default. */
  readonly recoveryMs?: number | undefined
  /** The operator says that the ledger lacks what was answered: a dump, or a plain copy, was put back. */
  readonly recovered?: boolean
  /** A reverse proxy stands before it, and nobody else reaches the port. */
  readonly trustProxy: boolean
  readonly log: (line: string) => void
  /** The shared ledger has, or may have, another writer, or the operator was replaced: this process must end. */
  onLost?(fault: Fault): void
}

export interface Accountant {
  readonly url: string
  status(): Promise<AccountantStatus>
  /** Settles every revealed promise now. @returns what was collected. */
  collect(): Promise<bigint>
  /** Looks now which fast exits are over; else it does so every few seconds. */
  lookAtFastExits(): Promise<void>
  close(): Promise<void>
}

export const defaultOptions = {
  host: '127.0.0.1',
  port: 4060,
  /** Looks for what to collect and what to hold; a quarter of an exit's delay is a day. */
  collectEveryMs: 60_000,
  collectFrom: myst,
  openCost: myst / 20n,
  /** Some two thousand promises a second. */
  partyBytesPerSecond: 512 << 10,
  trustProxy: false,
} as const

/** A promise that adds less than a millionth of a MYST is not worth its check. */
export const minDelta = 10n ** 12n

/** Each look at a channel asks them all. */
const maxRpcs = 3

/** An exit that is over gives the channel its capacity back: nobody waits for that. */
const lookAtExitsEveryMs = 5_000
/** What is signed with a replaced key must be signed again. */
const lookAtOperatorEveryMs = 5_000
/** Time is told, and a part of what is a month old forgotten; a process that ends sooner loses so much time. */
const ageEveryMs = 600_000

/** A quiet chain's blocks are looked at again after a restart, for this long at most. */
const cursorEveryMs = 60_000
const cursorTable = table('cursors', message({ nextBlock: field(0, uint(64)) }))

export async function startAccountant(options: AccountantOptions): Promise<Accountant> {
  const { profile, accountant, log } = options
  const { chainId } = profile
  const crypto = await loadNativeCrypto()
  const [rpcUrl = ''] = profile.rpcUrls
  const client = await connectChain({ rpcUrl, chainId, pollingMs: 100 })
  // What they say is checked against the first one's, so they need not be there yet.
  const others = profile.rpcUrls.slice(1, maxRpcs).map((url) => openChain({ rpcUrl: url, chainId }))
  const terms = await readTerms()
  const keys = [options.operatorKey, options.nextOperatorKey].filter((key) => key !== undefined)
  const operatorKey = keys.find((key) => crypto.addressOf(key) === terms.operator)
  if (operatorKey === undefined) throw new Fault('operator-key-wrong', { accountant, registered: terms.operator })
  const ledgerStore = await openLedgerStore({ onLost: () => {}, ...options })
  const store = openSqliteStore(`${options.dataDir}/accountant.db`)
  const now = Date.now
  const domain = { chainId, verifyingContract: accountant }
  const signatures = createSignaturePool({ chainId, accountant, contracts: profile.contracts, operatorKey })
  const ledger = await openLedger({ store: ledgerStore, crypto, sign: signatures.signDecisions })
  const clients = [client, ...others]
  const onFault = (fault: Fault) => log(fault.message)
  const recovery = createRecoveryService(
    { crypto, ledger, findSigners: signatures.findSigners, now, log },
    {
      chainId,
      accountant,
      operator: crypto.addressOf(operatorKey),
      contracts: profile.contracts,
      recoveryMs: options.recoveryMs ?? defaultRecoveryMs,
    },
  )
  await recoverLedger()
  const channels = createChannelView(
    {
      clients,
      crypto,
      now,
      onFault,
      leavingOf: (channel) => ledger.get('fastExits', channel)?.exit.amount ?? 0n,
    },
    profile,
    {
      accountant,
      exitDelayS: terms.exitDelay,
      openCost: options.openCost,
      maxRegistrationFee: terms.maxRegistrationFee,
      freshMs: 1000,
    },
  )
  const calls = createExchangeService(
    { crypto, ledger, channels, findSigners: signatures.findSigners, sign: signatures.sign, now },
    { chainId, accountant, feeRate: Number(terms.feeRate), minDelta },
  )
  const metrics = createMetrics({
    running: () => ledger.running,
    signatureThreads: () => signatures.threads,
    signatureJobs: () => signatures.waiting,
    streamConnections: () => streams.connections,
    credited: () => ledger.get('totals', totalsKey)?.credited ?? 0n,
    promises: () => ledger.get('totals', totalsKey)?.promises ?? 0,
    fastExits: () => fastExits.size,
    agreements: () => ager.agreements,
    locks: () => ager.locks,
    forgotten: () => ager.forgotten,
    recovering: () => recovery.status.recovering,
    unknown: () => recovery.status.unknown,
  })
  const admitted = createAdmission(
    { exchange: calls.exchange, now },
    { bytesPerSecond: options.partyBytesPerSecond, maxBytes: maxBatchBytes },
  )
  const service = { ...calls, exchange: metrics.observe(admitted) }
  const fastExits = createFastExits(
    {
      clients,
      crypto,
      ledger,
      channels,
      channelOf: (consumer) => channelAddress(crypto, profile.contracts, consumer, accountant),
      sign: signatures.sign,
      onFault,
    },
    { chainId, exitDelayS: terms.exitDelay, confirmationDepth: profile.confirmationDepth, everyMs: lookAtExitsEveryMs },
  )
  const ager = createAger({ ledger, elapsedMs: () => performance.now(), onFault }, { everyMs: ageEveryMs })
  const collector = createCollector(
    { sender: createSender(client, operatorKey), crypto, ledger, channels, now, onFault },
    {
      accountant,
      registry: profile.contracts.registry,
      minAmount: options.collectFrom,
      everyMs: options.collectEveryMs,
      sweepEveryMs: (Number(terms.exitDelay) * 1000) / 16,
    },
  )
  const cursors = cursorTable.load(store)
  const savedMs = new Map<string, number>()
  const following = { depth: 1, pollingMs: 500, onFault } as const
  /** Where the last process stopped. */
  const cursorOf = (name: string) => cursors.get(name)?.nextBlock ?? profile.deployedAtBlock
  // A settlement on chain shows its preimage to everybody: it counts as revealed.
  const settlements = followEvents(client, {
    ...following,
    address: accountant,
    abi: accountantAbi,
    event: 'ProviderSettled',
    fromBlock: cursorOf('settlements'),
    async onEvents(events, nextBlock) {
      for (const { args } of events) {
        const provider = args.provider.toLowerCase() as Address
        await recovery.settled(provider, args.amount, fromHex(args.preimage))
        await service.reveal(provider, fromHex(args.preimage))
      }
      saveCursor('settlements', nextBlock, events.length > 0)
    },
  })

  // An exit is held at once: consumer and provider together may keep a preimage back until it is over.
  const exits = followEvents(client, {
    ...following,
    abi: consumerChannelAbi,
    event: 'ExitRequested',
    fromBlock: cursorOf('exits'),
    async onEvents(events, nextBlock) {
      for (const { address } of events) await collector.hold(address.toLowerCase() as Address)
      saveCursor('exits', nextBlock, events.length > 0)
    },
  })

  /** Before anything is answered: whether these are the newest records. */
  async function recoverLedger(): Promise<void> {
    const isBackup = ledgerStore.isBackup === true
    if (isBackup || options.recovered === true) {
      await recovery.begin(isBackup ? 'backup' : 'operator')
      // What the chain told of the time that was lost must be heard again.
      store.commit([...cursorTable.load(store).keys()].map((name) => cursorTable.remove(name)))
      await ledgerStore.takeOver?.()
    }
    await findUnknownSettlements(client, accountant, ledger, recovery.settled)
  }

  /** A quiet chain's blocks cost no write each. */
  function saveCursor(name: string, nextBlock: bigint, isNews: boolean): void {
    if (!isNews && now() - (savedMs.get(name) ?? 0) < cursorEveryMs) return
    savedMs.set(name, now())
    store.commit([cursorTable.put(name, { nextBlock })])
  }

  function readOperator(): Promise<Address> {
    return reach(rpcUrl, async () => {
      const found = await client.rpc.readContract({ address: accountant, abi: accountantAbi, functionName: 'operator' })
      return found.toLowerCase() as Address
    })
  }

  async function readTerms() {
    const { rpc } = client
    const read = (functionName: 'feeRate' | 'exitDelay') =>
      rpc.readContract({ address: accountant, abi: accountantAbi, functionName })
    return reach(rpcUrl, async () => {
      const [operator, feeRate, exitDelay, maxRegistrationFee] = await Promise.all([
        readOperator(),
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
      ...recoveryText(recovery.status),
    }
  }

  const operatorWatch = watchOperator(
    { readOperator, onRotated: options.onLost ?? onFault, onFault },
    { operator: terms.operator, everyMs: lookAtOperatorEveryMs },
  )
  const server = createHttpServer({
    trustProxy: options.trustProxy,
    crypto,
    service,
    fastExits,
    resign: createResigning({
      crypto,
      ledger,
      domain,
      operator: terms.operator,
      nextKey: operatorKey === options.operatorKey ? options.nextOperatorKey : undefined,
    }),
    metrics,
    domain,
    now,
    status,
    isRunning: () => ledger.running,
    recovery,
    operator: crypto.addressOf(operatorKey),
    async backup(path) {
      if (ledgerStore.copyTo === undefined) throw new Fault('backup-not-here', { ledger: 'postgres' })
      await ledgerStore.copyTo(path)
    },
    log,
  })
  const streams = serveStream(server.server, {
    exchange: service.exchange,
    crypto,
    domain,
    now,
    trustProxy: options.trustProxy,
    log,
  })
  const url = await server.listen({ host: options.host, port: options.port })
  log(`accountant ${accountant} at ${url}, fee ${Number(terms.feeRate) / 100} %`)
  return {
    url,
    status,
    collect: () => collector.collect({ all: true }),
    lookAtFastExits: fastExits.look,
    async close() {
      streams.close()
      recovery.close()
      await server.close()
      await Promise.all([settlements.close(), exits.close()])
      await collector.close()
      await fastExits.close()
      await ager.close()
      await operatorWatch.close()
      await ledger.close()
      await signatures.close()
      store.close()
    },
  }
}
