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
  type ItemRefusalCode,
  type ItemVerdict,
  type NetworkProfile,
  provesRefusal,
  type SignedPromise,
} from '@myst/protocol'

export interface JudgeDeps {
  readonly crypto: Crypto
  /** Whether an exit is pending, by the provider's own view of the chain; absent: it has none. @throws Fault `chain-unreachable`. */
  readonly isLeaving?: (consumer: Address) => Promise<boolean>
  /** What the channel had promised when the agreement began, as far as it is known. */
  readonly promisedBefore?: (agreementId: Bytes32) => bigint
}

export interface Judged {
  readonly signed: SignedPromise
  readonly verdict: ItemVerdict
}

/** In one answer: an accountant can't make us ask the chain for longer than a few seconds. */
const maxLooks = 64

/**
 * @returns those whose refusal is proven.
 * @throws Fault of `isLeaving`: what can't be judged now is to be asked for again, and counts against nobody.
 */
export async function judgeRefusals(
  { crypto, isLeaving, promisedBefore = () => 0n }: JudgeDeps,
  scope: {
    readonly chainId: bigint
    readonly contracts: NetworkProfile['contracts']
    readonly accountant: Address
  },
  verdicts: readonly Judged[],
): Promise<ReadonlySet<SignedPromise>> {
  const leaving = new Map<Address, boolean>()

  async function look(consumer: Address): Promise<boolean> {
    const known = leaving.get(consumer)
    if (known !== undefined || leaving.size >= maxLooks) return known ?? false
    const found = (await isLeaving?.(consumer)) ?? false
    leaving.set(consumer, found)
    return found
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
        return look(consumer)
      default:
        // `promise-too-old` may be true, and says that the accountant has the money. What else is refused for good was
        // checked here before it was sent.
        return false
    }
  }

  const proven = new Set<SignedPromise>()
  for (const judged of verdicts) {
    if (judged.verdict.final === true && (await isProven(judged))) proven.add(judged.signed)
  }
  return proven
}
