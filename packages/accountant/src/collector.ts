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
import type { ChannelView } from './channel-view.ts'
import { type ChannelAccount, highestAmount, type Ledger } from './ledger/index.ts'

export interface CollectorOptions {
  readonly accountant: Address
  readonly registry: Address
  /** Collected when at least this much has been revealed and not settled. */
  readonly minAmount: bigint
  readonly everyMs: number
}

export interface Collector {
  /** One round; also on demand, then whatever the amount. @returns what was asked of the chain, base units. */
  collect(options?: { readonly all?: boolean }): Promise<bigint>
  close(): Promise<void>
}

/** One transaction settles this many: 220,000 gas each stay under a block of 30 million. */
const maxClaims = 100

interface Candidate {
  readonly channel: Address
  readonly account: ChannelAccount
  readonly deployed: boolean
  readonly due: bigint
}

export function createCollector(
  deps: {
    readonly sender: Sender
    readonly crypto: Crypto
    readonly ledger: Ledger
    readonly channels: ChannelView
    readonly onFault: (fault: Fault) => void
  },
  options: CollectorOptions,
): Collector {
  const { sender, crypto, ledger, channels } = deps
  /** Settled as far as this process saw: a channel without news costs no call. */
  const settledAmounts = new Map<Address, bigint>()

  async function candidates(minAmount: bigint): Promise<Candidate[]> {
    const found: Candidate[] = []
    for (const [key, account] of ledger.entries('channels')) {
      const channel = key as Address
      const amount = account.collectable?.signed.promise.amount ?? 0n
      if (amount <= (settledAmounts.get(channel) ?? 0n)) continue
      const { settled, deployed } = await channels.look(account.consumer)
      settledAmounts.set(channel, settled)
      if (amount > settled && amount - settled >= minAmount) {
        found.push({ channel, account, deployed, due: amount - settled })
      }
    }
    return found
  }

  async function settleAll(chosen: readonly Candidate[]): Promise<void> {
    for (const { account } of chosen.filter((candidate) => !candidate.deployed)) {
      await sender.send({
        to: options.registry,
        abi: registryAbi,
        name: 'openChannel',
        args: [account.consumer, options.accountant],
      })
    }
    const claims = chosen.flatMap(({ channel, account: { collectable } }) => {
      if (collectable === undefined) return []
      const { signed, preimage } = collectable
      return {
        channel,
        amount: signed.promise.amount,
        preimage: toHex(preimage),
        agreementHash: hashAgreement(crypto, signed.promise.agreement),
        signature: toHex(signed.signature),
      }
    })
    await sender.send({ to: options.accountant, abi: accountantAbi, name: 'collect', args: [claims] })
    for (const { channel, account } of chosen) {
      settledAmounts.set(channel, account.collectable?.signed.promise.amount ?? 0n)
    }
  }

  async function holdExits(): Promise<void> {
    for (const [key, account] of ledger.entries('channels')) {
      if (account.highest === undefined) continue
      const standing = await channels.look(account.consumer)
      const amount = highestAmount(account)
      if (standing.exit === 'none' || !standing.deployed || amount <= standing.held || amount <= standing.settled)
        continue
      const { promise, signature } = account.highest
      await sender.send({
        to: key as Address,
        abi: consumerChannelAbi,
        name: 'hold',
        args: [amount, promise.hashlock, hashAgreement(crypto, promise.agreement), toHex(signature)],
      })
    }
  }

  let round: Promise<unknown> = Promise.resolve()
  function collect({ all = false }: { readonly all?: boolean } = {}): Promise<bigint> {
    const collecting = round.then(async () => {
      const chosen = await candidates(all ? 1n : options.minAmount)
      for (let from = 0; from < chosen.length; from += maxClaims) await settleAll(chosen.slice(from, from + maxClaims))
      return chosen.reduce((sum, { due }) => sum + due, 0n)
    })
    round = collecting.catch(() => {})
    return collecting
  }

  const timer = setInterval(() => {
    collect()
      .then(holdExits)
      .catch((fault: unknown) => {
        if (!(fault instanceof Fault)) throw fault
        deps.onFault(fault)
      })
  }, options.everyMs)

  return {
    collect,
    async close() {
      clearInterval(timer)
      await round
    },
  }
}
