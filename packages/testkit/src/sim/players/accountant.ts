/**
 * Carol: the accountant's parts around the real ledger, with a life that may end at any commit. A liar is one whose answers
 * pass through `lie` on their way out.
 *
 * @module
 */

import {
  type Collector,
  createChannelView,
  createCollector,
  createExchangeService,
  createExitHolder,
  createRecoveryService,
  createSigner,
  createSignerFinder,
  type ExchangeService,
  type Ledger,
  openLedger,
  type RecoveryService,
} from '@myst/accountant/parts'
import type { AccountantClient } from '@myst/billing'
import {
  type Address,
  batchContent,
  decodeMessage,
  type ExchangeReply,
  Fault,
  type SignedContent,
  type SignedPromise,
  toHex,
} from '@myst/protocol'
import { chainClientOf, transactionsOf } from '../chain-doors.ts'
import { createDisk, createLedgerDisk, type LedgerDisk } from '../disk.ts'
import type { Process } from '../virtual-time.ts'
import { clockOf, keysOf, type Party, type World } from '../world.ts'

export interface AccountantParty extends Party {
  readonly operator: Address
  readonly feeRate: number
  readonly ledger: Ledger | undefined
  readonly exitDelayS: bigint
  /** Its ledger is an old backup, and no channel is drawn on yet. */
  readonly recovering: boolean
  disk: LedgerDisk
  clientOf(process: Process, identity: Address): AccountantClient
  /** What a liar makes of an answer; absent: nothing. */
  lie?: (batch: SignedContent, reply: ExchangeReply) => ExchangeReply
  /** A liar refuses good promises, on its bare word. */
  refuses?: (consumer: Address) => boolean
  /** It vouches for this consumer; to this provider it does not lie. */
  favours?: Address
  collectAll(): Promise<void>
  /** A promise that it has, by its signature. */
  promiseOf(signature: string): SignedPromise | undefined
  /** But the highest of each consumer: what is lower is not brought on chain any more. */
  forget(): void
}

export const accountantNumber = 0
/** Of one consumer: the preimage of the highest ones may not be there yet. */
const keptPromises = 8
/** 5 MYST, whatever the partner has. */
const vouchedCapacity = 5n * 10n ** 18n
/** A few batches: worlds are small, and a crash should meet any part of it. */
const checkpointBytes = 4096
/** More than minutes fill; a day's log would fill the memory that is its disk here. */
const maxLogBytes = 1 << 20

export function createAccountantParty(
  world: World,
  options: {
    readonly honest: boolean
    readonly feeRate: number
    readonly exitDelayS: bigint
    readonly recoveryMs: number
    readonly minDelta: bigint
  },
): AccountantParty {
  const { crypto, profile, chain, network, time, oracle } = world
  const keys = keysOf(crypto, accountantNumber)
  const name = 'accountant'
  const place = { chainId: profile.chainId, accountant: world.accountant, contracts: profile.contracts }
  const domain = { chainId: profile.chainId, verifyingContract: world.accountant }
  const promises = new Map<string, SignedPromise>()
  let process: Process = { name, alive: false, bornAtMs: 0 }
  let ledger: Ledger | undefined
  let service: ExchangeService | undefined
  let collector: Collector | undefined
  let recovery: RecoveryService | undefined
  /** What it remembers beside the ledger. */
  const books = createDisk(world.backups)
  let seen = 0

  async function live(life: Process): Promise<void> {
    const clock = clockOf(world, party)
    const sign = async (hashes: readonly Uint8Array[]) => hashes.map((hash) => crypto.sign(hash, keys.privateKey))
    const store = party.disk.open(life)
    const opened = await openLedger(
      { store, crypto, sign: createSigner(crypto, domain, sign) },
      { maxLogBytes, checkpointBytes },
    )
    if (!life.alive) return
    const onFault = (fault: Fault) => world.log(`${name}: ${fault.message}`)
    const honestView = createChannelView(
      { clients: [chainClientOf(chain)], crypto, now: clock.nowMs, onFault },
      profile,
      {
        accountant: world.accountant,
        exitDelayS: options.exitDelayS,
        openCost: 0n,
        maxRegistrationFee: 0n,
        freshMs: 1000,
      },
    )
    const channels: typeof honestView = {
      ...honestView,
      async look(consumer, needed) {
        const standing = await honestView.look(consumer, needed)
        if (consumer === party.favours && needed === undefined) return { ...standing, capacity: vouchedCapacity }
        // An exit that nobody requested: a final refusal, and nothing shows that it is none.
        return party.refuses?.(consumer) && needed !== undefined ? { ...standing, exit: 'late' } : standing
      },
    }
    const findSigners = createSignerFinder(crypto, place)
    const restoring = createRecoveryService(
      {
        crypto,
        ledger: opened,
        findSigners: async (signed, withItems) => findSigners(signed, withItems),
        now: clock.nowMs,
        log: (line) => world.log(`${name}: ${line}`),
      },
      { ...place, operator: keys.identity, recoveryMs: options.recoveryMs },
    )
    // As the program does, before anybody is answered.
    if (store.isBackup) {
      await restoring.begin('backup')
      await store.takeOver?.()
    }
    if (!life.alive) return
    recovery = restoring
    ledger = opened
    service = createExchangeService(
      {
        crypto,
        ledger: opened,
        channels,
        findSigners: async (signed, withItems) => findSigners(signed, withItems),
        sign,
        now: clock.nowMs,
      },
      { chainId: profile.chainId, accountant: world.accountant, feeRate: options.feeRate, minDelta: options.minDelta },
    )
    const { nowMs: now } = clock
    const transactions = transactionsOf(chain, world.verifier, life, party.promiseOf)
    const settledOf = (channel: Address) => chain.at(chain.finality).state.channels.get(channel)?.settled ?? 0n
    const everyMs = (Number(options.exitDelayS) * 1000) / 16
    const holder = createExitHolder(
      { transactions, crypto, ledger: opened, channels, settledOf, now, onFault },
      { everyMs, sweepEveryMs: everyMs },
    )
    collector = createCollector(
      {
        transactions,
        store: books.open(life),
        crypto,
        ledger: opened,
        channels,
        settledOf,
        exiting: holder.exiting,
        gasPrice: async () => 0n,
        now,
        onFault,
      },
      {
        accountant: world.accountant,
        registry: profile.contracts.registry,
        minAmount: 10n ** 16n,
        withinMs: 86_400_000,
        everyMs,
        mystPerNative: 1n,
      },
    )
    readSettlements(life)
  }

  /** What a settlement shows on chain counts as revealed. */
  function readSettlements(life: Process): void {
    const work = service
    for (; work !== undefined && seen < chain.shown.length; seen++) {
      const of = chain.shown[seen] as (typeof chain.shown)[number]
      work.reveal(of.provider, of.preimage).catch(() => {})
    }
    time.after(5_000, life, () => readSettlements(life))
  }

  function note({ content }: SignedContent): void {
    const batch = decodeMessage(batchContent.schema, content, batchContent.maxBytes)
    if (batch.ok) for (const item of batch.value.items) promises.set(toHex(item.signature), item)
  }

  const party: AccountantParty = {
    name,
    keys,
    identity: keys.identity,
    operator: keys.identity,
    honest: options.honest,
    feeRate: options.feeRate,
    exitDelayS: options.exitDelayS,
    wallErrorMs: 0,
    disk: createLedgerDisk(),
    promiseOf: (signature) => promises.get(signature),
    forget() {
      const rows = [...promises].toSorted(([, one], [, two]) => (one.promise.amount < two.promise.amount ? 1 : -1))
      const counts = new Map<Address, number>()
      for (const [signature, { consumer }] of rows) {
        const count = 1 + (counts.get(consumer) ?? 0)
        counts.set(consumer, count)
        if (count > keptPromises) promises.delete(signature)
      }
    },
    get process() {
      return process
    },
    get ledger() {
      return ledger
    },
    get recovering() {
      return recovery?.status.recovering ?? party.disk.isBackup
    },
    clientOf(from, identity) {
      const call = <T>(serve: (work: ExchangeService) => Promise<T> | T): Promise<T> =>
        network.call(
          from,
          () => (process.alive ? process : undefined),
          () => {
            if (service === undefined) throw new Fault('accountant-unreachable')
            return serve(service)
          },
        )
      return {
        async exchange(batch) {
          oracle.batchSent(identity, batch)
          const reply = await call(async (work) => {
            note(batch)
            const answered = await work.exchange(batch)
            return (identity === party.favours ? undefined : party.lie?.(batch, answered)) ?? answered
          })
          oracle.replied(identity, reply)
          return reply
        },
        reveal: async (preimage) => {
          oracle.shown(identity, preimage)
          await call((work) => work.reveal(identity, preimage))
        },
        async providerStanding() {
          const standing = await call((work) => work.providerStanding(identity))
          oracle.newest(identity, standing.newest)
          return standing
        },
        consumerStanding: () => call((work) => work.consumerStanding(identity)),
        capacityStatement: () => call((work) => work.stateCapacity(identity)),
        resign: () => call((work) => ({ ...work.providerStanding(identity) })),
        recover: (request) =>
          call(() => {
            if (recovery === undefined) throw new Fault('accountant-unreachable')
            return recovery.recover(identity, request)
          }),
        fastExit: () => Promise.reject(new Fault('accountant-unreachable')),
        payoutStanding: () => Promise.reject(new Fault('accountant-unreachable')),
        orderPayout: () => Promise.reject(new Fault('accountant-unreachable')),
      }
    },
    crash() {
      if (!process.alive) return
      process.alive = false
      process.diedAtMs = time.nowMs
      ledger = undefined
      service = undefined
      collector = undefined
      recovery = undefined
    },
    restart() {
      if (process.alive) return
      const life: Process = { name, alive: true, bornAtMs: time.nowMs }
      process = life
      time.after(0, life, () => live(life))
    },
    async finish() {},
    async collectAll() {
      await collector?.collect({ all: true })
    },
  }
  return party
}
