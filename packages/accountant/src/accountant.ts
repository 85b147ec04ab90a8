/**
 * The accountant as a program: adapters meet ports here.
 *
 * @module
 */

import { connectChain, openChains, reach } from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, type Crypto, channelAddress, Fault, maxBatchBytes } from '@myst/protocol'
import { openSqliteStore } from '@myst/store'
import { createAdmission } from './admission.ts'
import { createAger } from './ager.ts'
import { createBountyDesk } from './bounty-desk.ts'
import { followChain, forgetCursors } from './chain-events.ts'
import { createChannelView } from './channel-view.ts'
import { createExchangeService } from './exchange-service.ts'
import { createFastExits } from './fast-exits.ts'
import { createHttpServer } from './http-server.ts'
import { openLedger, totalsKey } from './ledger/index.ts'
import { createMetrics } from './metrics.ts'
import { openMoney } from './money.ts'
import { openLedgerStore } from './open-ledger-store.ts'
import { keyHere, type OperatorKey } from './operator-key.ts'
import { watchOperator } from './operator-watch.ts'
import { type AccountantOptions, defaultOptions } from './options.ts'
import { createPayoutDesk } from './payout-desk.ts'
import { type AccountantStatus, readStatus } from './program-status.ts'
import { createRecoveryService, defaultRecoveryMs } from './recovery-service.ts'
import { createResigning } from './resigning.ts'
import { findUnknownSettlements } from './settlement-check.ts'
import { createSigner } from './sign-decisions.ts'
import { createSignaturePool } from './signatures/pool.ts'
import { solvencyOf } from './solvency-report.ts'
import { serveStream } from './stream-server.ts'
import { readOperator, readTerms } from './terms.ts'
import { treasuryGauges } from './treasury-metrics.ts'

export interface Accountant {
  readonly url: string
  status(): Promise<AccountantStatus>
  /** Settles every revealed promise now. @returns what was collected. */
  collect(): Promise<bigint>
  /** Closes those that are over now. */
  lookAtFastExits(): Promise<void>
  close(): Promise<void>
}

/** A promise that adds less than a millionth of a MYST is not worth its check. */
export const minDelta = 10n ** 12n

/** Of what is under way. */
const pollingMs = 100

/** An exit that is over gives the channel its capacity back: nobody waits for that. */
const lookAtExitsEveryMs = 5_000
/** What is signed with a replaced key must be signed again. */
const lookAtOperatorEveryMs = 5_000
/** About a second's. */
const replayToldEvery = 16 << 20
/** Time is told, and a part of what is a month old forgotten; a process that ends sooner loses so much time. */
const ageEveryMs = 600_000

export async function startAccountant(
  given: Omit<AccountantOptions, keyof typeof defaultOptions> & Partial<AccountantOptions>,
): Promise<Accountant> {
  const asked: AccountantOptions = { ...defaultOptions, ...given }
  const { profile, accountant, log } = asked
  const { chainId } = profile
  const crypto = await loadNativeCrypto()
  const [rpcUrl = ''] = profile.rpcUrls
  const client = await connectChain({ rpcUrl, chainId, pollingMs })
  // What they say is checked against the first one's, so they need not be there yet.
  const others = openChains(profile.rpcUrls, { chainId, pollingMs }).slice(1)
  const terms = await readTerms(client, profile, accountant)
  const { operator } = terms
  const { key, nextKey } = keysOf(crypto, asked, operator)
  const options = asked
  // From here on this process is the only one that signs and sends.
  const ledgerStore = await openLedgerStore({ onLost: () => {}, ...options })
  const store = openSqliteStore(`${options.dataDir}/accountant.db`)
  const now = Date.now
  const onFault = (fault: Fault) => log(fault.message)
  const domain = { chainId, verifyingContract: accountant }
  const signatures = createSignaturePool({
    ...{ chainId, accountant, contracts: profile.contracts, operatorKey: key.secret },
  })
  const isHere = key.secret !== undefined
  const sign = isHere ? signatures.sign : key.sign
  const signDecisions = isHere ? signatures.signDecisions : createSigner(crypto, domain, key.sign)
  const ledger = await openLedger({ store: ledgerStore, crypto, sign: signDecisions }, { onReplayed: tellReplay(log) })
  const clients = [client, ...others] as const
  const { contracts } = profile
  const recovery = createRecoveryService(
    { crypto, ledger, findSigners: signatures.findSigners, now, log },
    { chainId, accountant, operator, contracts, recoveryMs: options.recoveryMs ?? defaultRecoveryMs },
  )
  await recoverLedger()
  const leavingOf = (channel: Address) => ledger.get('fastExits', channel)?.exit.amount ?? 0n
  const channels = createChannelView({ clients, crypto, now, onFault, leavingOf }, profile, {
    accountant,
    exitDelayS: terms.exitDelay,
    openCost: options.openCost,
    maxRegistrationFee: terms.maxRegistrationFee,
    freshMs: 1000,
  })
  const calls = createExchangeService(
    { crypto, ledger, channels, findSigners: signatures.findSigners, sign, now },
    { chainId, accountant, feeRate: Number(terms.feeRate), minDelta },
  )
  const gasPrice = () => reach(rpcUrl, () => client.rpc.getGasPrice())
  const money = openMoney({ clients, store, crypto, key, ledger, channels, gasPrice, now, log }, options, terms)
  const metrics = createMetrics(
    {
      running: () => ledger.running,
      signatureThreads: () => signatures.threads,
      signatureJobs: () => signatures.waiting,
      streamConnections: () => streams.connections,
      credited: () => ledger.get('totals', totalsKey)?.credited ?? 0n,
      promises: () => ledger.get('totals', totalsKey)?.promises ?? 0,
      fastExits: () => fastExits.size,
      signerAway: () => key.isAway,
      agreements: () => ager.agreements,
      locks: () => ager.locks,
      forgotten: () => ager.forgotten,
      tail: () => ledger.tail,
      recovering: () => recovery.status.recovering,
      unknown: () => recovery.status.unknown,
    },
    treasuryGauges({ ...money, now }),
  )
  const admitted = createAdmission(
    { exchange: calls.exchange, now },
    { bytesPerSecond: options.partyBytesPerSecond, maxBytes: maxBatchBytes },
  )
  const service = { ...calls, exchange: metrics.observe(admitted) }
  const channelOf = (consumer: Address) => channelAddress(crypto, contracts, consumer, accountant)
  const fastExits = createFastExits(
    { clients, crypto, ledger, channels, channelOf, sign, onFault },
    { chainId, exitDelayS: terms.exitDelay, confirmationDepth: profile.confirmationDepth, everyMs: lookAtExitsEveryMs },
  )
  const ager = createAger({ ledger, elapsedMs: () => performance.now(), onFault }, { everyMs: ageEveryMs })
  const operatorWatch = watchOperator(
    { readOperator: () => readOperator(client, accountant), onRotated: options.onLost ?? onFault, onFault },
    { operator, everyMs: lookAtOperatorEveryMs },
  )
  const events = followChain(
    { client, store, settled: recovery.settled, reveal: service.reveal, hold: money.holder.hold, now, onFault },
    { accountant, deployedAtBlock: profile.deployedAtBlock },
  )
  const status = () => readStatus({ client, ledger, recovery, ...money }, { accountant, feeRate: terms.feeRate })
  const place = { accountant, operator, chainId, confirmationDepth: profile.confirmationDepth }
  const server = createHttpServer({
    trustProxy: options.trustProxy,
    crypto,
    service,
    fastExits,
    resign: createResigning({
      crypto,
      ledger,
      domain,
      operator,
      nextKey,
    }),
    payouts: createPayoutDesk(
      { crypto, ledger, chain: money.chain, now },
      { domain, payoutLeast: options.payoutLeast },
    ),
    bounties: createBountyDesk(crypto, ledger, money.treasurer),
    solvency: () => solvencyOf(money.treasurer, place),
    metrics,
    domain,
    now,
    status,
    isRunning: () => ledger.running,
    recovery,
    operator,
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
    collect: () => money.collector.collect({ all: true }),
    lookAtFastExits: fastExits.look,
    async close() {
      streams.close()
      recovery.close()
      await server.close()
      await Promise.all([events.close(), money.close(), fastExits.close(), ager.close(), operatorWatch.close()])
      await ledger.close()
      await signatures.close()
      key.close()
      nextKey?.close()
      store.close()
    },
  }

  /** Before anything is answered: whether these are the newest records. */
  async function recoverLedger(): Promise<void> {
    const isBackup = ledgerStore.isBackup === true
    if (isBackup || options.recovered === true) {
      await recovery.begin(isBackup ? 'backup' : 'operator')
      // What the chain told of the time that was lost must be heard again.
      forgetCursors(store)
      await ledgerStore.takeOver?.()
    }
    await findUnknownSettlements(client, accountant, ledger, recovery.settled)
  }
}

/** Says how far a start is that applies much of the log anew: after a kill, a second's worth or two. */
function tellReplay(log: (line: string) => void): (bytes: number) => void {
  let [done, told] = [0, 0]
  return (bytes) => {
    done += bytes
    if (done - told < replayToldEvery) return
    told = done
    log(`ledger-replaying: ${done >> 20} MiB of the log applied anew`)
  }
}

/** Of the two keys, the one that the contract knows; the other one only where it is to come. */
function keysOf(
  crypto: Crypto,
  { accountant, operatorKey, nextOperatorKey }: AccountantOptions,
  registered: Address,
): { readonly key: OperatorKey; readonly nextKey?: OperatorKey | undefined } {
  const opened = (key: Uint8Array | OperatorKey) => (key instanceof Uint8Array ? keyHere(crypto, key) : key)
  const [now, next] = [opened(operatorKey), nextOperatorKey && opened(nextOperatorKey)]
  if (now.address === registered) return { key: now, nextKey: next }
  if (next?.address === registered) return { key: next }
  throw new Fault('operator-key-wrong', { accountant, registered })
}
