/**
 * Whose doing a final refusal is: the consumer's, where its own promises or the chain show it, and the accountant's in all
 * other cases. The accountant's word proves nothing here.
 *
 * @module
 */

import {
  type Address,
  type Bytes32,
  type Crypto,
  channelAddress,
  Fault,
  type ItemRefusalCode,
  type ItemVerdict,
  type NetworkProfile,
  provesRefusal,
  type SignedPromise,
} from '@myst/protocol'

export interface JudgeDeps {
  readonly crypto: Crypto
  /** By the provider's own view of the chain; absent: it has none. @throws Fault `chain-unreachable`. */
  readonly channelState?: (consumer: Address) => Promise<ChannelFacts>
  /** What the channel had promised when the agreement began, as far as it is known. */
  readonly promisedBefore?: (agreementId: Bytes32) => bigint
  readonly log: (line: string) => void
}

export interface ChannelFacts {
  readonly settled: bigint
  readonly exitPending: boolean
}

export interface Judged {
  readonly signed: SignedPromise
  readonly verdict: ItemVerdict
}

/** In one answer: an accountant can't make us ask the chain for longer than a few seconds. */
const maxLooks = 64

/** @returns those whose refusal is proven. */
export async function judgeRefusals(
  { crypto, channelState, promisedBefore = () => 0n, log }: JudgeDeps,
  scope: {
    readonly chainId: bigint
    readonly contracts: NetworkProfile['contracts']
    readonly accountant: Address
  },
  verdicts: readonly Judged[],
): Promise<ReadonlySet<SignedPromise>> {
  const looks = new Map<Address, ChannelFacts | undefined>()

  async function look(consumer: Address): Promise<ChannelFacts | undefined> {
    if (looks.has(consumer) || looks.size >= maxLooks) return looks.get(consumer)
    try {
      looks.set(consumer, await channelState?.(consumer))
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      log(`a refusal can't be judged: ${fault.message}`)
      looks.set(consumer, undefined)
    }
    return looks.get(consumer)
  }

  async function isProven({ signed, verdict }: Judged): Promise<boolean> {
    const { consumer, promise } = signed
    switch (verdict.code as ItemRefusalCode) {
      case 'promise-breaks-prefix':
      case 'promise-amount-behind': {
        const channel = channelAddress(crypto, scope.contracts, consumer, scope.accountant)
        const since = promisedBefore(promise.agreement.id)
        return provesRefusal(crypto, { chainId: scope.chainId, channel }, signed, verdict.proof ?? [], since)
      }
      case 'promise-channel-closing':
        return (await look(consumer))?.exitPending === true
      case 'promise-too-old':
        // The channel has paid so much: nobody can have this promise paid any more.
        return ((await look(consumer))?.settled ?? 0n) >= promise.amount
      default:
        // What else is refused for good was checked here before it was sent.
        return false
    }
  }

  const proven = new Set<SignedPromise>()
  for (const judged of verdicts) {
    if (judged.verdict.final === true && (await isProven(judged))) proven.add(judged.signed)
  }
  return proven
}
