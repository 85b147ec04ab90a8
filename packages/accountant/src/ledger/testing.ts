/**
 * For the ledger's tests: promises, batches and what the accountant finds out about them, signed by nobody in earnest.
 *
 * @module
 */

import {
  type Address,
  type Batch,
  type Bytes32,
  batchAnswerSchema,
  batchSchema,
  type Crypto,
  concatBytes,
  encodeMessage,
  fromHex,
  hashlockOf,
  noTicks,
  type SignedPromise,
  toHex,
  uintToBytes,
} from '@myst/protocol'
import { bob, toyCrypto } from '@myst/testkit'
import {
  type ExchangeCommand,
  type ExchangeResult,
  exchangeBatch,
  type ItemFacts,
  type LedgerRules,
} from './exchange-batch.ts'
import type { Ledger } from './ledger.ts'
import { ledgerSchemas } from './records.ts'

export const word = (value: bigint | number): Bytes32 => toHex(uintToBytes(BigInt(value)))
export const channelOf = (consumer: Address): Address => `0xc1${consumer.slice(4)}`

export function preimageOf(provider: Address, epoch: bigint): Uint8Array {
  return concatBytes(fromHex(provider), uintToBytes(epoch, 12))
}
export const lockOf = (provider: Address, epoch: bigint, crypto: Crypto = toyCrypto): Bytes32 =>
  hashlockOf(crypto, preimageOf(provider, epoch))

/** Signatures that say what they are over, and answers as bytes. */
export function rulesOf(changes: Partial<LedgerRules> = {}): LedgerRules {
  return {
    crypto: toyCrypto,
    feeRate: 0,
    minDelta: 1n,
    signPromise: (provider, amount, hashlock) =>
      concatBytes(
        toyCrypto.keccak256(concatBytes(fromHex(provider), uintToBytes(amount), fromHex(hashlock))),
        new Uint8Array(33),
      ),
    signAnswer: (answer) => {
      const content = encodeMessage(batchAnswerSchema, answer)
      return { content, signature: concatBytes(toyCrypto.keccak256(content), new Uint8Array(33)) }
    },
    ...changes,
  }
}

export interface ItemOptions {
  readonly consumer: Address
  readonly provider?: Address
  readonly amount: bigint
  readonly total?: bigint
  readonly id?: Bytes32
  readonly lock: Bytes32
}

export const item = ({
  consumer,
  provider = bob.identity,
  amount,
  total = amount,
  id = word(1),
  lock,
}: ItemOptions): SignedPromise => ({
  consumer,
  promise: { amount, hashlock: lock, agreement: { id, provider, total }, ticks: noTicks },
  signature: new Uint8Array(65),
})

export const factsOf = ({ consumer }: SignedPromise, changes: Partial<ItemFacts> = {}): ItemFacts => ({
  channel: channelOf(consumer),
  signer: consumer,
  capacity: 1_000_000n,
  exit: 'none',
  ...changes,
})

export const commandOf = (batch: Batch, changes: Partial<ItemFacts> = {}): ExchangeCommand => ({
  batch,
  digest: toHex(toyCrypto.keccak256(encodeMessage(batchSchema, batch))),
  facts: batch.items.map((of) => factsOf(of, changes)),
})

export const exchange = (ledger: Ledger, command: ExchangeCommand, rules = rulesOf()): Promise<ExchangeResult> =>
  ledger.apply((draft) => exchangeBatch(draft, rules, command))

/** All that a ledger holds, as the bytes it would write. */
export function bytesOf(ledger: Ledger): Record<string, string> {
  const written: Record<string, string> = {}
  for (const [name, schema] of Object.entries(ledgerSchemas)) {
    for (const [key, record] of ledger.entries(name as keyof typeof ledgerSchemas)) {
      written[`${name} ${key}`] = toHex(encodeMessage(schema as never, record as never))
    }
  }
  return Object.fromEntries(Object.entries(written).sort(([a], [b]) => (a < b ? -1 : 1)))
}
