/**
 * The accountant's calls, free of HTTP: exchange, reveal, standings, capacity statements.
 *
 * @module
 */

import {
  type Address,
  accountantPromiseStruct,
  type Batch,
  type BatchRefusal,
  type Bytes32,
  batchAnswerContent,
  batchContent,
  type ConsumerStanding,
  type Crypto,
  capacityStatementContent,
  type Domain,
  decodeMessage,
  type ExchangeReply,
  Fault,
  hashTypedData,
  maxBatchBytes,
  openContent,
  type ProviderStanding,
  recoverPromiseSigner,
  type SignedContent,
  type SignedPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import type { ChannelView } from './channel-view.ts'
import {
  type ExchangeResult,
  exchangeBatch,
  exchangeWithoutItems,
  highestAmount,
  type ItemFacts,
  type Ledger,
  type LedgerRules,
  revealPreimage,
} from './ledger/index.ts'

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
  readonly now: () => number
}

export interface ExchangeOptions {
  readonly chainId: bigint
  readonly accountant: Address
  readonly operatorKey: Uint8Array
  readonly feeRate: number
  readonly minDelta: bigint
}

export function createExchangeService(deps: ExchangeDeps, options: ExchangeOptions): ExchangeService {
  const { crypto, ledger, channels } = deps
  const { chainId, operatorKey } = options
  const domain: Domain = { chainId, verifyingContract: options.accountant }
  const rules: LedgerRules = {
    crypto,
    feeRate: options.feeRate,
    minDelta: options.minDelta,
    signPromise: (provider, amount, hashlock) =>
      crypto.sign(hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock }), operatorKey),
    signAnswer: (answer) => signContent(crypto, domain, batchAnswerContent, answer, operatorKey),
  }

  async function factsOf({ consumer, promise, signature }: SignedPromise): Promise<ItemFacts> {
    const { channel, capacity, exit } = await channels.look(consumer)
    const signer = recoverPromiseSigner(crypto, { chainId, channel }, promise, signature)
    return { channel, signer, capacity, exit }
  }

  /** Costly facts only for a batch that can still be credited; the step in the ledger checks everything again. */
  async function exchangeOnce(batch: Batch, digest: Bytes32): Promise<ExchangeResult> {
    const known = exchangeWithoutItems(ledger, crypto, { batch, digest })
    if (known !== undefined) return known
    const facts = await Promise.all(batch.items.map(factsOf))
    return ledger.apply((draft) => exchangeBatch(draft, rules, { batch, digest, facts }))
  }

  return {
    async exchange(signed) {
      const decoded = decodeMessage(batchContent.schema, signed.content, maxBatchBytes)
      if (!decoded.ok) return refused({ code: 'batch-malformed', why: JSON.stringify(decoded.refusal).slice(0, 200) })
      const batch = decoded.value
      const opened = openContent(crypto, domain, batchContent, signed, batch.provider)
      if (!opened.ok) return refused({ code: 'batch-wrong-signer', provider: batch.provider })
      const digest = toHex(crypto.keccak256(signed.content))
      try {
        const result = await exchangeOnce(batch, digest)
        if (result.kind !== 'refused') return { kind: result.kind, answer: result.answer }
        return { ...refused(result.refusal), ...(result.newest === undefined ? {} : { newest: result.newest }) }
      } catch (fault) {
        if (fault instanceof Fault) return refused({ code: 'accountant-unavailable' }, fault.code)
        throw fault
      }
    },

    reveal: (provider, preimage) => ledger.apply((draft) => revealPreimage(draft, crypto, provider, preimage)),

    providerStanding(provider) {
      const account = ledger.get('providers', provider)
      return account === undefined ? {} : { newest: account.promise, answer: account.answer.content }
    },

    async consumerStanding(consumer) {
      const { channel, capacity } = await channels.look(consumer)
      const highest = ledger.get('channels', channel)?.highest
      return { channel, capacity, ...(highest === undefined ? {} : { highest }) }
    },

    async stateCapacity(consumer) {
      const { channel, capacity, exit } = await channels.look(consumer)
      const account = ledger.get('channels', channel)
      const statement = {
        channel,
        consumer,
        capacity,
        promised: account === undefined ? 0n : highestAmount(account),
        exitPending: exit !== 'none',
        issuedAtMs: BigInt(deps.now()),
      }
      return signContent(crypto, domain, capacityStatementContent, statement, operatorKey)
    },
  }
}

function refused(refusal: BatchRefusal, why?: string): { kind: 'refused'; code: string; why?: string } {
  const explained = why ?? ('why' in refusal ? refusal.why : undefined)
  return { kind: 'refused', code: refusal.code, ...(explained === undefined ? {} : { why: explained }) }
}
