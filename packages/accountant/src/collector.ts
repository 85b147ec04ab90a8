/**
 * Collector: brings home what consumers promised, and holds what they could run away with.
 *
 * It settles revealed promises in batches, opens a channel that is not deployed yet, and lays the highest credited promise
 * of a channel under exit on chain as a hold, at once: consumer and provider together then gain nothing by keeping the
 * preimage back until the exit is over.
 *
 * @module
 */

import type { Sender } from '@myst/chain'
import { accountantAbi, consumerChannelAbi, registryAbi } from '@myst/contracts'
import { type Address, type Crypto, Fault, hashAgreement, toHex } from '@myst/protocol'
import type { ChannelStanding, ChannelView } from './channel-view.ts'
import { type ChannelAccount, highestAmount, type Ledger } from './ledger/index.ts'

export interface CollectorOptions {
  readonly accountant: Address
  readonly registry: Address
  /** Collected when at least this much has been revealed and not settled. */
  readonly minAmount: bigint
  readonly everyMs: number
  /** All channels are looked at for exits in so long, whatever events said: a part of the exit's delay. */
  readonly sweepEveryMs: number
}

export interface Collector {
  /** One round; also on demand, then whatever the amount. @returns what the channels paid, base units. */
  collect(options?: { readonly all?: boolean }): Promise<bigint>
  /** An exit of this channel was requested: what it promised us is held now. Unknown channels are nobody's business. */
  hold(channel: Address): Promise<void>
  close(): Promise<void>
}

/** One transaction settles this many: 220,000 gas each stay under a block of 30 million. */
const maxClaims = 100

interface Candidate {
  readonly channel: Address
  readonly account: ChannelAccount
  readonly standing: ChannelStanding
}

export function createCollector(
  deps: {
    readonly sender: Sender
    readonly crypto: Crypto
    readonly ledger: Ledger
    readonly channels: ChannelView
    readonly now: () => number
    readonly onFault: (fault: Fault) => void
  },
  options: CollectorOptions,
): Collector {
  const { sender, crypto, ledger, channels } = deps
  /** Settled for good, as far as this process saw: a channel whose promises are all below costs no call. */
  const settledDeep = new Map<Address, bigint>()
  /** Channels with an open exit, as far as events and sweeps showed; what is revealed of them is collected at once. */
  const exiting = new Set<Address>()

  async function look(channel: Address, account: ChannelAccount): Promise<ChannelStanding> {
    const standing = await channels.look(account.consumer)
    settledDeep.set(channel, standing.settledDeep)
    return standing
  }

  const isNews = (channel: Address, amount: bigint) => amount > (settledDeep.get(channel) ?? 0n)

  async function candidates(minAmount: bigint): Promise<Candidate[]> {
    const found: Candidate[] = []
    for (const [key, account] of ledger.entries('channels')) {
      const channel = key as Address
      const amount = account.collectable?.signed.promise.amount ?? 0n
      const least = exiting.has(channel) ? 1n : minAmount
      if (amount - (settledDeep.get(channel) ?? 0n) < least) continue
      const standing = await look(channel, account)
      // The contract pays what there is; an empty channel pays when it is topped up.
      const owed = amount - standing.settled
      const due = owed < standing.balance ? owed : standing.balance
      if (due >= least) found.push({ channel, account, standing })
    }
    return found
  }

  async function openChannel({ consumer }: ChannelAccount): Promise<boolean> {
    const opening = sender.send({
      to: options.registry,
      abi: registryAbi,
      name: 'openChannel',
      args: [consumer, options.accountant],
    })
    return succeeds(opening)
  }

  /** @returns what the chain shows as settled since: a claim that fails is skipped there, and one may be paid in part. */
  async function settleAll(chosen: readonly Candidate[]): Promise<bigint> {
    const claims = []
    for (const { channel, account, standing } of chosen) {
      const { collectable } = account
      if (collectable === undefined || !(standing.deployed || (await openChannel(account)))) continue
      const { signed, preimage } = collectable
      claims.push({
        channel,
        amount: signed.promise.amount,
        preimage: toHex(preimage),
        agreementHash: hashAgreement(crypto, signed.promise.agreement),
        signature: toHex(signed.signature),
      })
    }
    if (claims.length === 0) return 0n
    try {
      await sender.send({ to: options.accountant, abi: accountantAbi, name: 'collect', args: [claims] })
    } finally {
      for (const { account } of chosen) channels.forget(account.consumer)
    }
    const after = await Promise.all(chosen.map(({ channel, account }) => look(channel, account)))
    return after.reduce((sum, { settled }, index) => sum + settled - (chosen[index]?.standing.settled ?? settled), 0n)
  }

  /** Finds exits that no event told of: all of them after a start. */
  async function sweep(): Promise<void> {
    for (const [key, account] of ledger.entries('channels')) {
      const channel = key as Address
      if (!isNews(channel, highestAmount(account))) continue
      await succeeds(look(channel, account).then(({ exit }) => exit !== 'none' && exiting.add(channel)))
    }
  }

  /** Each by itself: one that fails must not keep the others from being held, and is tried again in the next round. */
  async function holdExits(): Promise<void> {
    for (const channel of exiting) await succeeds(holdExit(channel))
  }

  /** Held again as long as the exit goes on: more may be promised and credited meanwhile. */
  async function holdExit(channel: Address): Promise<void> {
    const account = ledger.get('channels', channel)
    if (account === undefined) return
    const { exit, deployed, held, settled } = await look(channel, account)
    if (exit === 'none') exiting.delete(channel)
    const amount = highestAmount(account)
    if (account.highest === undefined || exit === 'none' || !deployed || amount <= held || amount <= settled) return
    const { promise, signature } = account.highest
    await sender.send({
      to: channel,
      abi: consumerChannelAbi,
      name: 'hold',
      args: [amount, promise.hashlock, hashAgreement(crypto, promise.agreement), toHex(signature)],
    })
    channels.forget(account.consumer)
  }

  async function succeeds(work: Promise<unknown>): Promise<boolean> {
    try {
      await work
      return true
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      deps.onFault(fault)
      return false
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  let rounds = 0
  /** One at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    rounds += 1
    const done = last.then(work).finally(() => {
      rounds -= 1
    })
    last = done.catch(() => {})
    return done
  }

  async function settleFrom(minAmount: bigint): Promise<bigint> {
    const chosen = await candidates(minAmount)
    let sum = 0n
    for (let from = 0; from < chosen.length; from += maxClaims) {
      sum += await settleAll(chosen.slice(from, from + maxClaims))
    }
    return sum
  }

  let sweptAtMs = Number.NEGATIVE_INFINITY
  const timer = setInterval(() => {
    if (rounds > 0) return
    void inTurn(async () => {
      if (deps.now() - sweptAtMs >= options.sweepEveryMs) {
        sweptAtMs = deps.now()
        await sweep()
      }
      await holdExits()
      await succeeds(settleFrom(options.minAmount))
    })
  }, options.everyMs)

  return {
    collect: ({ all = false } = {}) => inTurn(() => settleFrom(all ? 1n : options.minAmount)),
    async hold(channel) {
      const account = ledger.get('channels', channel)
      if (account === undefined) return
      exiting.add(channel)
      channels.forget(account.consumer)
      await inTurn(holdExits)
    },
    async close() {
      clearInterval(timer)
      await last
    },
  }
}
