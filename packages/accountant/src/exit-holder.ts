/**
 * Exit holder: lays the highest credited promise of a channel under exit on chain, at once, so that consumer and provider
 * together gain nothing by keeping the preimage back until the exit is over.
 *
 * Exits are told by events; what an event missed, or what was credited while this program slept, a sweep finds.
 *
 * @module
 */

import { typedCall } from '@myst/chain'
import { consumerChannelAbi } from '@myst/contracts'
import { type Address, type Crypto, type Fault, hashAgreement, toHex } from '@myst/protocol'
import type { ChannelView } from './channel-view.ts'
import { highestAmount, type Ledger } from './ledger/index.ts'
import { createRounds, tell, unhurried } from './rounds.ts'
import type { Transactions } from './transactions.ts'

export interface ExitHolder {
  /** An exit of this channel was requested: what it promised us is held now. Unknown channels are nobody's business. */
  hold(channel: Address): Promise<void>
  /** Channels with an open exit, as far as events and sweeps showed. */
  readonly exiting: ReadonlySet<Address>
  /** Channels under exit whose hold is not on chain, and since when the oldest is known to be missing. */
  missing(): { readonly count: number; readonly sinceMs?: number }
  close(): Promise<void>
}

export interface ExitHolderDeps {
  readonly transactions: Pick<Transactions, 'send'>
  readonly crypto: Crypto
  readonly ledger: Pick<Ledger, 'entries' | 'get'>
  readonly channels: ChannelView
  /** What a channel has paid for good: with nothing above it there is nothing to hold. */
  readonly settledOf: (channel: Address) => bigint
  readonly now: () => number
  readonly onFault: (fault: Fault) => void
}

export interface ExitHolderOptions {
  readonly everyMs: number
  /** All channels are looked at for exits in so long, whatever events said: a part of the exit's delay. */
  readonly sweepEveryMs: number
}

export function createExitHolder(deps: ExitHolderDeps, options: ExitHolderOptions): ExitHolder {
  const { transactions, crypto, ledger, channels, now, onFault } = deps
  const exiting = new Set<Address>()
  const missing = new Map<Address, number>()
  const sending = new Set<Promise<void>>()
  let sweptAtMs = Number.NEGATIVE_INFINITY

  /** Finds exits that no event told of: all of them after a start. */
  async function sweep(): Promise<void> {
    for await (const some of unhurried(ledger.entries('channels'))) {
      for (const [key, account] of some) {
        const channel = key as Address
        if (highestAmount(account) <= deps.settledOf(channel)) continue
        const looking = channels.look(account.consumer).then(({ exit }) => exit !== 'none' && exiting.add(channel))
        await tell(looking, onFault)
      }
    }
  }

  /** Each by itself: one that fails must not keep the others from being held, and is tried again in the next round. */
  async function holdAll(): Promise<void> {
    for (const channel of exiting) await tell(holdExit(channel), onFault)
  }

  /** Held again as long as the exit goes on: more may be promised and credited meanwhile. */
  async function holdExit(channel: Address): Promise<void> {
    const account = ledger.get('channels', channel)
    if (account === undefined) return
    const { exit, deployed, held, settled } = await channels.look(account.consumer)
    if (exit === 'none') exiting.delete(channel)
    const amount = highestAmount(account)
    if (account.highest === undefined || exit === 'none' || !deployed || amount <= held || amount <= settled) {
      missing.delete(channel)
      return
    }
    missing.set(channel, missing.get(channel) ?? now())
    const { promise, signature } = account.highest
    const call = typedCall({
      to: channel,
      abi: consumerChannelAbi,
      name: 'hold',
      args: [amount, promise.hashlock, hashAgreement(crypto, promise.agreement), toHex(signature)],
    })
    // Not waited for: a hold that is stuck must not keep the next exit from being seen.
    const sent = tell(transactions.send(`hold-${channel}`, call), onFault).finally(() => {
      channels.forget(account.consumer)
      sending.delete(sent)
    })
    sending.add(sent)
  }

  const rounds = createRounds(
    async () => {
      const sinceMs = now() - sweptAtMs
      // A clock that was set back says nothing of how long it is: an exit must not go unseen till it catches up.
      if (sinceMs < 0 || sinceMs >= options.sweepEveryMs) {
        sweptAtMs = now()
        await sweep()
      }
      await holdAll()
    },
    options.everyMs,
    onFault,
  )

  return {
    async hold(channel) {
      const account = ledger.get('channels', channel)
      if (account === undefined) return
      exiting.add(channel)
      channels.forget(account.consumer)
      await rounds.inTurn(holdAll)
    },
    exiting,
    missing() {
      const [sinceMs] = [...missing.values()].sort((one, other) => one - other)
      return { count: missing.size, ...(sinceMs === undefined ? {} : { sinceMs }) }
    },
    async close() {
      await rounds.close()
      await Promise.all(sending)
    },
  }
}
