/**
 * Collector: brings home what consumers promised: when it is much, when it is old, and when its channel is leaving.
 *
 * It settles revealed promises in batches and opens a channel that is not deployed yet. It spends no more gas than it
 * brings home, except where a channel is under exit.
 *
 * @module
 */

import { typedCall } from '@myst/chain'
import { accountantAbi, registryAbi } from '@myst/contracts'
import { type Address, type Crypto, type Fault, field, hashAgreement, message, toHex, uint } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'
import type { ChannelStanding, ChannelView } from './channel-view.ts'
import type { ChannelAccount, Ledger } from './ledger/index.ts'
import { createRounds, tell, unhurried } from './rounds.ts'
import type { Transactions } from './transactions.ts'

export interface CollectorDeps {
  readonly transactions: Pick<Transactions, 'send'>
  /** Remembers since when what is revealed waits. */
  readonly store: RecordStore
  readonly crypto: Crypto
  readonly ledger: Pick<Ledger, 'entries' | 'get'>
  readonly channels: ChannelView
  /** What a channel has paid for good: where it is all, the channel costs no look. */
  readonly settledOf: (channel: Address) => bigint
  /** Channels under exit are collected whatever the amount, and whatever the gas costs. */
  readonly exiting: ReadonlySet<Address>
  /** Of the chain's coin, for one gas. */
  readonly gasPrice: () => Promise<bigint>
  readonly now: () => number
  readonly onFault: (fault: Fault) => void
}

export interface CollectorOptions {
  readonly accountant: Address
  readonly registry: Address
  /** Collected when at least this much has been revealed and not settled … */
  readonly minAmount: bigint
  /** … or when it waits for so long. */
  readonly withinMs: number
  readonly everyMs: number
  /** MYST base units for one unit (10¹⁸) of the chain's coin. */
  readonly mystPerNative: bigint
}

export interface Collector {
  /** One round; also on demand, then whatever the amount. @returns what the channels paid, base units. */
  collect(options?: { readonly all?: boolean }): Promise<bigint>
  /** Channels that wait to be collected, and since when the oldest does. */
  waiting(): { readonly count: number; readonly sinceMs?: number }
  close(): Promise<void>
}

/** One transaction settles this many: 220,000 gas each stay under a block of 30 million. */
const maxClaims = 100
/** Of a claim in a batch, with its part of the batch's own; and of a channel that must be opened first. */
const claimGas = 35_000n
const openGas = 120_000n
const nativeUnit = 10n ** 18n

const waitingTable = table('collectable', message({ sinceMs: field(0, uint(53)) }))

interface Candidate {
  readonly channel: Address
  readonly account: ChannelAccount
  readonly standing: ChannelStanding
  readonly due: bigint
}

export function createCollector(deps: CollectorDeps, options: CollectorOptions): Collector {
  const { transactions, store, crypto, ledger, channels } = deps
  const since = new Map([...waitingTable.load(store)].map(([channel, { sinceMs }]) => [channel, Number(sinceMs)]))

  const revealedOf = ({ collectable }: ChannelAccount) => collectable?.signed.promise.amount ?? 0n

  /** Every channel with revealed promises that are not settled; since when is written down. */
  async function owing(): Promise<[Address, ChannelAccount][]> {
    const found: [Address, ChannelAccount][] = []
    for await (const some of unhurried(ledger.entries('channels'))) {
      const writes: RecordWrite[] = []
      const nowMs = deps.now()
      for (const [key, account] of some) {
        const channel = key as Address
        const isOwing = revealedOf(account) > deps.settledOf(channel)
        if (isOwing) found.push([channel, account])
        // A clock that was ahead makes nothing wait for ever.
        const isNew = isOwing && (since.get(channel) ?? Number.POSITIVE_INFINITY) > nowMs
        if (isNew) {
          since.set(channel, nowMs)
          writes.push(waitingTable.put(channel, { sinceMs: BigInt(nowMs) }))
        } else if (!isOwing && since.delete(channel)) {
          writes.push(waitingTable.remove(channel))
        }
      }
      if (writes.length > 0) store.commit(writes)
    }
    return found
  }

  const isOld = (channel: Address) => deps.now() - (since.get(channel) ?? deps.now()) >= options.withinMs

  /** @returns what it would pay, where that is worth it. */
  async function look(channel: Address, account: ChannelAccount, least: bigint): Promise<Candidate | undefined> {
    const revealed = revealedOf(account)
    if (revealed - deps.settledOf(channel) < least) return undefined
    const standing = await channels.look(account.consumer)
    const unpaid = revealed - standing.settled
    // The contract pays what there is; an empty channel pays when it is topped up.
    const due = unpaid < standing.balance ? unpaid : standing.balance
    return due >= least ? { channel, account, standing, due } : undefined
  }

  async function collectLeaving(): Promise<bigint> {
    const found: Candidate[] = []
    for (const channel of deps.exiting) {
      const account = ledger.get('channels', channel)
      const candidate = account && (await look(channel, account, 1n))
      if (candidate !== undefined) found.push(candidate)
    }
    return settleInBatches('collect-leaving', found)
  }

  async function collectOthers(all: boolean): Promise<bigint> {
    const found: Candidate[] = []
    const waiting = await owing()
    if (waiting.length === 0) return 0n
    const price = await deps.gasPrice()
    for await (const some of unhurried(waiting)) {
      for (const [channel, account] of some) {
        if (deps.exiting.has(channel)) continue
        const least = all || isOld(channel) ? 1n : options.minAmount
        const candidate = await look(channel, account, least)
        if (candidate === undefined) continue
        const gas = candidate.standing.deployed ? claimGas : claimGas + openGas
        if (candidate.due > (gas * price * options.mystPerNative) / nativeUnit) found.push(candidate)
      }
    }
    return settleInBatches('collect', found, (due) => (due * nativeUnit) / options.mystPerNative)
  }

  async function openChannel({ channel, account }: Candidate): Promise<boolean> {
    let opened = true
    const args = [account.consumer, options.accountant] as const
    const call = typedCall({ to: options.registry, abi: registryAbi, name: 'openChannel', args })
    await tell(transactions.send(`open-${channel}`, call), (fault) => {
      opened = false
      deps.onFault(fault)
    })
    return opened
  }

  /** @returns what the chain shows as settled since: a claim that fails is skipped there, and one may be paid in part. */
  async function settleAll(
    name: string,
    chosen: readonly Candidate[],
    worthOf: ((due: bigint) => bigint) | undefined,
  ): Promise<bigint> {
    const claims = []
    for (const candidate of chosen) {
      const { collectable } = candidate.account
      if (collectable === undefined || !(candidate.standing.deployed || (await openChannel(candidate)))) continue
      const { signed, preimage } = collectable
      claims.push({
        channel: candidate.channel,
        amount: signed.promise.amount,
        preimage: toHex(preimage),
        agreementHash: hashAgreement(crypto, signed.promise.agreement),
        signature: toHex(signed.signature),
      })
    }
    if (claims.length === 0) return 0n
    const call = typedCall({ to: options.accountant, abi: accountantAbi, name: 'collect', args: [claims] })
    const brings = chosen.reduce((sum, { due }) => sum + due, 0n)
    try {
      await transactions.send(name, call, worthOf?.(brings))
    } finally {
      for (const { account } of chosen) channels.forget(account.consumer)
    }
    const after = await Promise.all(chosen.map(({ account }) => channels.look(account.consumer)))
    return after.reduce((sum, { settled }, index) => sum + settled - (chosen[index]?.standing.settled ?? settled), 0n)
  }

  async function settleInBatches(
    name: string,
    chosen: readonly Candidate[],
    worthOf?: (due: bigint) => bigint,
  ): Promise<bigint> {
    let sum = 0n
    for (let from = 0; from < chosen.length; from += maxClaims) {
      sum += await settleAll(name, chosen.slice(from, from + maxClaims), worthOf)
    }
    return sum
  }

  // Apart: what waits for cheaper gas must not keep who leaves from being collected.
  const leaving = createRounds(async () => void (await collectLeaving()), options.everyMs, deps.onFault)
  const others = createRounds(async () => void (await collectOthers(false)), options.everyMs, deps.onFault)

  return {
    async collect({ all = false } = {}) {
      const left = await leaving.inTurn(collectLeaving)
      return left + (await others.inTurn(() => collectOthers(all)))
    },
    waiting() {
      let oldest: number | undefined
      for (const sinceMs of since.values()) if (oldest === undefined || sinceMs < oldest) oldest = sinceMs
      return { count: since.size, ...(oldest === undefined ? {} : { sinceMs: oldest }) }
    },
    async close() {
      await Promise.all([leaving.close(), others.close()])
    },
  }
}
