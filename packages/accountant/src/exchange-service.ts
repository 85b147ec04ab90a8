/**
 * The accountant's calls, free of HTTP: exchange, reveal, standings, capacity statements.
 *
 * @module
 */

import {
  type Address,
  type Batch,
  type BatchRefusal,
  batchContent,
  type ConsumerStanding,
  type Crypto,
  capacityStatementContent,
  type Domain,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  Fault,
  hashContent,
  maxBatchBytes,
  type ProviderStanding,
  type SignedContent,
  type SignedPromise,
  zeroBytes32,
} from '@myst/protocol'
import type { ChannelStanding, ChannelView } from './channel-view.ts'
import {
  capacityLeft,
  type ExchangeResult,
  exchangeWithoutItems,
  highestAmount,
  type ItemFacts,
  type Ledger,
} from './ledger/index.ts'
import type { SignHashes } from './sign-decisions.ts'
import type { SignaturePool } from './signatures/pool.ts'

export interface ExchangeService {
  exchange(signed: SignedContent): Promise<ExchangeReply>
  /** @returns false where the preimage opens no lock that waits for it. */
  reveal(provider: Address, preimage: Uint8Array): Promise<boolean>
  providerStanding(provider: Address): ProviderStanding
  consumerStanding(consumer: Address): Promise<ConsumerStanding>
  /** What a channel can still promise, signed, for the consumer to show to providers. */
  stateCapacity(consumer: Address): Promise<SignedContent>
}

export interface ExchangeDeps {
  readonly crypto: Crypto
  readonly ledger: Ledger
  readonly channels: ChannelView
  readonly findSigners: SignaturePool['findSigners']
  readonly sign: SignHashes
  readonly now: () => number
}

export interface ExchangeOptions {
  readonly chainId: bigint
  readonly accountant: Address
  readonly feeRate: number
  readonly minDelta: bigint
}

export function createExchangeService(deps: ExchangeDeps, options: ExchangeOptions): ExchangeService {
  const { crypto, ledger, channels, findSigners } = deps
  const { chainId, feeRate, minDelta } = options
  const domain: Domain = { chainId, verifyingContract: options.accountant }

  /** A channel is looked at only for its own consumer: a stranger's promises cost no call of the chain. */
  function factsOf({ consumer, promise }: SignedPromise, isSigned: boolean): ItemFacts | Promise<ItemFacts> {
    if (!isSigned) return { channel: channels.channelOf(consumer), capacity: 0n, exit: 'none' }
    const seen = ({ channel, capacity, exit, block }: ChannelStanding): ItemFacts => {
      const of = ledger.get('fastExits', channel) === undefined ? {} : { block }
      return { channel, capacity, exit, signer: consumer, ...of }
    }
    // Most often nobody is asked, and sixty-four promises need no sixty-four turns.
    const known = channels.known(consumer, promise.amount)
    return known === undefined ? channels.look(consumer, promise.amount).then(seen) : seen(known)
  }

  /** Costly facts only for a batch that can still be credited; the step in the ledger checks everything again. */
  async function exchangeOnce(batch: Batch, signed: SignedContent): Promise<ExchangeResult> {
    // Whatever its digest, such a batch credits nothing.
    const isOver = exchangeWithoutItems(ledger, crypto, { batch, digest: zeroBytes32 }) !== undefined
    const { digest, isSignedByProvider, signed: bySigner } = await findSigners(signed, !isOver)
    if (!isSignedByProvider)
      return { kind: 'refused', refusal: { code: 'batch-wrong-signer', provider: batch.provider } }
    const known = exchangeWithoutItems(ledger, crypto, { batch, digest })
    if (known !== undefined) return known
    // Meanwhile it has become one that can be credited.
    if (isOver) return exchangeOnce(batch, signed)
    const found = batch.items.map((item, index) => factsOf(item, bySigner[index] === 1))
    const facts = await Promise.all(found)
    return ledger.apply({ kind: 'exchange', batch, content: signed.content, digest, facts, feeRate, minDelta })
  }

  return {
    async exchange(signed) {
      const decoded = decodeMessage(batchContent.schema, signed.content, maxBatchBytes)
      if (!decoded.ok) return refused({ code: 'batch-malformed', why: JSON.stringify(decoded.refusal).slice(0, 200) })
      try {
        const result = await exchangeOnce(decoded.value, signed)
        if (result.kind !== 'refused') return { kind: result.kind, answer: result.answer }
        return { ...refused(result.refusal), ...(result.newest === undefined ? {} : { newest: result.newest }) }
      } catch (fault) {
        if (fault instanceof Fault) return refused({ code: 'accountant-unavailable' }, fault.code)
        throw fault
      }
    },

    reveal: (provider, preimage) => ledger.apply({ kind: 'reveal', provider, preimage }),

    providerStanding(provider) {
      const account = ledger.get('providers', provider)
      return account === undefined ? {} : { newest: account.promise, answer: account.answer.content }
    },

    async consumerStanding(consumer) {
      const standing = await channels.look(consumer)
      const { channel } = standing
      const highest = ledger.get('channels', channel)?.highest
      const record = ledger.get('fastExits', channel)
      return {
        channel,
        capacity: capacityLeft(ledger, standing),
        ...(highest === undefined ? {} : { highest }),
        ...(record?.isOpen ? { fastExit: { exit: record.exit, signature: record.signature } } : {}),
      }
    },

    async stateCapacity(consumer) {
      const standing = await channels.look(consumer)
      const { channel, exit } = standing
      const account = ledger.get('channels', channel)
      const statement = {
        channel,
        consumer,
        capacity: capacityLeft(ledger, standing),
        promised: account === undefined ? 0n : highestAmount(account),
        exitPending: exit !== 'none',
        issuedAtMs: BigInt(deps.now()),
      }
      const content = encodeMessage(capacityStatementContent.schema, statement)
      const [signature] = await deps.sign([hashContent(crypto, domain, capacityStatementContent, content)])
      return { content, signature: signature as Uint8Array }
    },
  }
}

function refused(refusal: BatchRefusal, why?: string): { kind: 'refused'; code: string; why?: string } {
  const explained = why ?? ('why' in refusal ? refusal.why : undefined)
  return { kind: 'refused', code: refusal.code, ...(explained === undefined ? {} : { why: explained }) }
}
