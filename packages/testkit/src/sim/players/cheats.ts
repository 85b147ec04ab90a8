/**
 * Cheats: each is an honest shell with one part of it replaced, so that it gets as far as an honest one does.
 *
 * @module
 */

import type { NodeKeys, PayerBook } from '@myst/billing'
import type { Link } from '@myst/link'
import { agreementKey } from '@myst/payments'
import {
  type Address,
  accept,
  type Crypto,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  endReplySchema,
  hashPromise,
  type Invoice,
  noTicks,
  type PaymentPromise,
  paymentMessageSchema,
  paymentProtocol,
  refuse,
  type SignedContent,
  type SignedPromise,
  sessionAcceptSchema,
  sessionProtocol,
} from '@myst/protocol'
import type { Random } from '../random.ts'

export const consumerCheats = [
  'never-pays',
  'pays-short',
  'pays-twice',
  'reuses-amounts',
  'bad-signature',
  'stops-paying',
] as const
/** Who outspends pays in full, from a channel that has not so much: with an accountant who vouches for it. */
export type ConsumerCheat = (typeof consumerCheats)[number] | 'outspends'

/** A consumer's book that answers as suits it. */
export function cheatingBook(
  cheat: ConsumerCheat,
  of: { readonly crypto: Crypto; readonly chainId: bigint; readonly keys: NodeKeys; readonly random: Random },
  channel: Address,
): PayerBook {
  const { crypto, keys, random } = of
  const totals = new Map<string, bigint>()
  /** One for all; who pays twice has one for each provider. */
  const amounts = new Map<string, bigint>()
  let promises = 0
  const spoil = cheat !== 'bad-signature' ? undefined : random.chance(0.5) ? twinOf : withBareParity

  function sign(promise: PaymentPromise): SignedPromise {
    const hash = hashPromise(crypto, { chainId: of.chainId, channel }, promise)
    const signature = crypto.sign(hash, keys.privateKey)
    return { consumer: keys.identity, promise, signature: spoil?.(signature) ?? signature }
  }

  return {
    amount: 0n,
    promises: 0,
    blank: false,
    spentOn: () => 0n,
    recorded: () => [],
    leftFor: () => undefined,
    open() {},
    close() {},
    adopt() {},
    answer(invoice: Invoice, { provider, agreementId: id }) {
      promises += 1
      if (cheat === 'never-pays' || (cheat === 'stops-paying' && promises > 6)) {
        return refuse({ code: 'invoice-no-session' })
      }
      const key = agreementKey(provider, id)
      const purse = purseOf(cheat, provider, key, promises)
      const due = invoice.total - (totals.get(key) ?? 0n)
      const step = cheat === 'pays-short' && random.chance(0.7) ? 1n : due
      const amount = (amounts.get(purse) ?? 0n) + (step > 0n ? step : 0n)
      amounts.set(purse, amount)
      totals.set(key, invoice.total)
      const agreement = { id, provider, total: invoice.total }
      return accept(sign({ amount, hashlock: invoice.hashlock, agreement, ticks: noTicks }))
    },
  }
}

/** Honest for a while, where that makes it a known payer; then each promise draws on what another one has promised already. */
function purseOf(cheat: ConsumerCheat, provider: Address, agreement: string, promises: number): string {
  if (cheat === 'pays-twice') return provider
  return cheat === 'reuses-amounts' && promises > 3 ? agreement : 'all'
}

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** The other signature of the same key over the same hash: what EIP-2 calls high-S, with the other recovery id. */
export function twinOf(signature: Uint8Array): Uint8Array {
  const twin = Buffer.from(signature)
  const s = BigInt(`0x${twin.subarray(32, 64).toString('hex')}`)
  twin.write((curveOrder - s).toString(16).padStart(64, '0').slice(-64), 32, 'hex')
  twin[64] = (signature[64] as number) === 27 ? 28 : 27
  return new Uint8Array(twin)
}

/** Its `v` is 0 or 1, as some libraries have it: the precompile of the chain recovers nobody from that. */
function withBareParity(signature: Uint8Array): Uint8Array {
  const bare = signature.slice()
  bare[64] = (signature[64] as number) - 27
  return bare
}

export const providerCheats = ['overbills', 'other-agreement', 'early', 'repeats', 'lowers'] as const
export type ProviderCheat = (typeof providerCheats)[number]

/** A provider whose invoices are changed on their way out. */
export function cheatingLink(cheat: ProviderCheat, random: Random): (link: Link) => Link {
  function change(invoice: Invoice): Invoice {
    if (!random.chance(0.5)) return invoice
    switch (cheat) {
      case 'overbills':
        return { ...invoice, total: invoice.total * BigInt(random.between(2, 10)) }
      case 'other-agreement':
        return {
          ...invoice,
          agreementId: `0x${random
            .under(2 ** 31)
            .toString(16)
            .padStart(64, '0')}`,
        }
      case 'lowers':
        return { ...invoice, total: invoice.total / 2n }
      default:
        return invoice
    }
  }
  return (link) => ({
    ...link,
    get closed() {
      return link.closed
    },
    request(protocol, body, options) {
      const message = protocol === paymentProtocol ? decodeMessage(paymentMessageSchema, body) : undefined
      if (!message?.ok || message.value.kind !== 'invoice') return link.request(protocol, body, options)
      const { invoice } = message.value
      const send = (of: Invoice) =>
        link.request(protocol, encodeMessage(paymentMessageSchema, { kind: 'invoice', invoice: of }), options)
      if (cheat === 'repeats') void send(invoice).catch(() => {})
      if (cheat === 'early') {
        const more = { ...invoice, total: invoice.total + invoice.total / 50n + 10n ** 13n }
        return send(invoice).then((reply) => {
          void send(more).catch(() => {})
          return reply
        })
      }
      return send(change(invoice))
    },
    onRequest(protocol, handler) {
      link.onRequest(protocol, async (body) => {
        const answer = await handler(body)
        if (protocol !== sessionProtocol || answer.length < 64) return answer
        const accepted = decodeMessage(sessionAcceptSchema, answer)
        if (accepted.ok) {
          const invoice = cheat === 'overbills' ? change(accepted.value.invoice) : accepted.value.invoice
          return encodeMessage(sessionAcceptSchema, { ...accepted.value, invoice })
        }
        const ended = decodeMessage(endReplySchema, answer)
        if (!ended.ok || ended.value.invoice === undefined) return answer
        return encodeMessage(endReplySchema, { invoice: change(ended.value.invoice) })
      })
    },
  })
}

export const accountantLies = ['refuses', 'underpays', 'wrong-lock', 'unsigned', 'forgets'] as const
/** Who vouches states too much for its partner, and then takes none of its promises over. */
export type AccountantLie = (typeof accountantLies)[number] | 'vouches'

export interface LieTools {
  readonly random: Random
  /** Decodes an answer, changes it, signs it anew. */
  resign(reply: ExchangeReply, change: Changes): ExchangeReply
}
export interface Changes {
  readonly amountLess?: bigint
  readonly hashlock?: `0x${string}`
  readonly spoil?: boolean
}

export function lieOf(lie: AccountantLie, { random, resign }: LieTools) {
  return (_batch: SignedContent, reply: ExchangeReply): ExchangeReply => {
    if (reply.kind === 'refused' || !random.chance(0.5)) return reply
    switch (lie) {
      case 'refuses':
      case 'vouches':
        return reply
      case 'underpays':
        return resign(reply, { amountLess: 1n })
      case 'wrong-lock':
        return resign(reply, { hashlock: `0x${'ab'.repeat(32)}` })
      case 'unsigned':
        return resign(reply, { spoil: true })
      case 'forgets':
        return { kind: 'refused', code: 'batch-previous-amount' }
    }
  }
}
