/**
 * The accountant as a program: adapters meet ports here.
 *
 * @module
 */

import { connectChain, openChain, reach } from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import { Fault, maxBatchBytes } from '@myst/protocol'
import { openSqliteStore } from '@myst/store'
import { createAdmission } from './admission.ts'
import { followChain } from './chain-events.ts'
import { createChannelView } from './channel-view.ts'
import { createExchangeService } from './exchange-service.ts'
import { createHttpServer } from './http-server.ts'
import { openLedger, totalsKey } from './ledger/index.ts'
import { createMetrics } from './metrics.ts'
import { openMoney } from './money.ts'
import { openLedgerStore } from './open-ledger-store.ts'
import { type AccountantOptions, defaultOptions } from './options.ts'
import { createPayoutDesk } from './payout-desk.ts'
import { type AccountantStatus, readStatus } from './program-status.ts'
import { createSignaturePool } from './signatures/pool.ts'
import { solvencyOf } from './solvency-report.ts'
import { serveStream } from './stream-server.ts'
import { readTerms } from './terms.ts'
import { treasuryGauges } from './treasury-metrics.ts'

export interface Accountant {
  readonly url: string
  status(): Promise<AccountantStatus>
  /** Settles every revealed promise now. @returns what was collected. */
  collect(): Promise<bigint>
  close(): Promise<void>
}

/** A promise that adds less than a millionth of a MYST is not worth its check. */
export const minDelta = 10n ** 12n

/** Each look at a channel asks them all. */
const maxRpcs = 3

export async function startAccountant(
  given: Omit<AccountantOptions, keyof typeof defaultOptions> & Partial<AccountantOptions>,
): Promise<Accountant> {
  const options: AccountantOptions = { ...defaultOptions, ...given }
  const { profile, accountant, operatorKey, log } = options
  const { chainId } = profile
  const crypto = await loadNativeCrypto()
  const [rpcUrl = ''] = profile.rpcUrls
  const client = await connectChain({ rpcUrl, chainId, pollingMs: 100 })
  // What they say is checked against the first one's, so they need not be there yet.
  const others = profile.rpcUrls.slice(1, maxRpcs).map((url) => openChain({ rpcUrl: url, chainId }))
  const terms = await readTerms(client, profile, accountant)
  const operator = crypto.addressOf(operatorKey)
  if (terms.operator !== operator) throw new Fault('operator-key-wrong', { accountant, registered: terms.operator })
  // From here on this process is the only one that signs and sends.
  const ledgerStore = await openLedgerStore({ onLost: () => {}, ...options })
  const store = openSqliteStore(`${options.dataDir}/accountant.db`)
  const now = Date.now
  const onFault = (fault: Fault) => log(fault.message)
  const domain = { chainId, verifyingContract: accountant }
  const signatures = createSignaturePool({ chainId, accountant, contracts: profile.contracts, operatorKey })
  const ledger = await openLedger({ store: ledgerStore, crypto, sign: signatures.signDecisions })
  const channels = createChannelView({ clients: [client, ...others], crypto, now, onFault }, profile, {
    accountant,
    exitDelayS: terms.exitDelay,
    openCost: options.openCost,
    maxRegistrationFee: terms.maxRegistrationFee,
    freshMs: 1000,
  })
  const calls = createExchangeService(
    { crypto, ledger, channels, findSigners: signatures.findSigners, sign: signatures.sign, now },
    { chainId, accountant, feeRate: Number(terms.feeRate), minDelta },
  )
  const gasPrice = () => reach(rpcUrl, () => client.rpc.getGasPrice())
  const money = openMoney({ client, store, crypto, ledger, channels, gasPrice, now, log }, options, terms)
  const metrics = createMetrics(
    {
      running: () => ledger.running,
      signatureThreads: () => signatures.threads,
      signatureJobs: () => signatures.waiting,
      streamConnections: () => streams.connections,
      credited: () => ledger.get('totals', totalsKey)?.credited ?? 0n,
      promises: () => ledger.get('totals', totalsKey)?.promises ?? 0,
    },
    treasuryGauges({ ...money, now }),
  )
  const admitted = createAdmission(
    { exchange: calls.exchange, now },
    { bytesPerSecond: options.partyBytesPerSecond, maxBytes: maxBatchBytes },
  )
  const service = { ...calls, exchange: metrics.observe(admitted) }
  const events = followChain(
    { client, store, reveal: service.reveal, hold: money.holder.hold, now, onFault },
    { accountant, deployedAtBlock: profile.deployedAtBlock },
  )
  const status = () => readStatus({ client, ledger, ...money }, { accountant, feeRate: terms.feeRate })
  const place = { accountant, operator, chainId, confirmationDepth: profile.confirmationDepth }
  const server = createHttpServer({
    trustProxy: options.trustProxy,
    crypto,
    service,
    payouts: createPayoutDesk(
      { crypto, ledger, chain: money.chain, now },
      { domain, payoutLeast: options.payoutLeast },
    ),
    solvency: () => solvencyOf(money.treasurer, place),
    metrics,
    domain,
    now,
    status,
    isRunning: () => ledger.running,
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
    async close() {
      streams.close()
      await server.close()
      await Promise.all([events.close(), money.close()])
      await ledger.close()
      await signatures.close()
      store.close()
    },
  }
}
