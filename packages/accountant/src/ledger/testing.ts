/**
 * For the ledger's tests: promises, batches and what the accountant finds out about them, signed by nobody in earnest.
 *
 * @module
 */

import {
  type Address,
  type Batch,
  type Bytes32,
  batchSchema,
  type Crypto,
  concatBytes,
  encodeMessage,
  fromHex,
  hashlockOf,
  noTicks,
  referenceCrypto,
  type SignedPromise,
  toHex,
  uintToBytes,
} from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { answerContentOf, type SignDecisions } from './answer.ts'
import type { CommandOf, ExchangeCommand, ItemFacts } from './commands.ts'
import { type AgeResult, maxAgeStepMs } from './floor.ts'
import { type Ledger, type LedgerOptions, openLedger } from './ledger.ts'
import { ledgerSchemas } from './records.ts'

export { checkpointRecord, readCheckpoint } from './checkpoint.ts'
export { bytesToDigest, replaceInDigest } from './checksum.ts'
export * from './index.ts'
export { loadLedger } from './load-ledger.ts'
export { createLog } from './log.ts'
export { createDraft, createState, loadState } from './state.ts'

export const word = (value: bigint | number): Bytes32 => toHex(uintToBytes(BigInt(value)))
export const channelOf = (consumer: Address): Address => `0xc1${consumer.slice(4)}`

export function preimageOf(provider: Address, epoch: bigint): Uint8Array {
  return concatBytes(fromHex(provider), uintToBytes(epoch, 12))
}
export const lockOf = (provider: Address, epoch: bigint, crypto: Crypto = referenceCrypto): Bytes32 =>
  hashlockOf(crypto, preimageOf(provider, epoch))

/** Signatures that say what they are over. */
export const toySign: SignDecisions = (decisions) =>
  decisions.map((decision) => {
    const { provider, amount, hashlock } = decision.promise
    const promiseSignature = signatureOf(concatBytes(fromHex(provider), uintToBytes(amount), fromHex(hashlock)))
    const content = answerContentOf(decision, promiseSignature)
    return { promiseSignature, answer: { content, signature: signatureOf(content) } }
  })
const signatureOf = (bytes: Uint8Array) => concatBytes(referenceCrypto.keccak256(bytes), new Uint8Array(33))

export const openTestLedger = (
  store: LedgerStore = createMemoryLedgerStore(),
  options?: LedgerOptions,
): Promise<Ledger> => openLedger({ store, crypto: referenceCrypto, sign: toySign }, options)

export interface ItemOptions {
  readonly consumer: Address
  readonly provider: Address
  readonly amount: bigint
  readonly total?: bigint
  readonly id?: Bytes32
  readonly lock: Bytes32
}

export const item = ({
  consumer,
  provider,
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

export type Terms = Partial<Pick<ExchangeCommand, 'feeRate' | 'minDelta'>>

export function commandOf(batch: Batch, changes: Partial<ItemFacts> = {}, terms: Terms = {}): CommandOf<'exchange'> {
  const content = encodeMessage(batchSchema, batch)
  const facts = batch.items.map((of) => factsOf(of, changes))
  return {
    kind: 'exchange',
    batch,
    content,
    digest: toHex(referenceCrypto.keccak256(content)),
    facts,
    feeRate: 0,
    minDelta: 1n,
    ...terms,
  }
}

export const reveal = (ledger: Ledger, provider: Address, preimage: Uint8Array): Promise<boolean> =>
  ledger.apply({ kind: 'reveal', provider, preimage })

/** So many days pass, and then these are looked at. @returns how many records were forgotten. */
export async function pass(
  ledger: Ledger,
  days: number,
  looked: Partial<Omit<CommandOf<'age'>, 'kind' | 'elapsedMs'>> = {},
): Promise<AgeResult> {
  const steps = Math.ceil((days * 86_400_000) / maxAgeStepMs)
  const nothing = { kind: 'age', channels: [], agreements: [], locks: [] } as const
  for (let step = 0; step < steps; step++) await ledger.apply({ ...nothing, elapsedMs: maxAgeStepMs })
  return ledger.apply({ ...nothing, elapsedMs: 0, ...looked })
}

/** All that a ledger holds, as the bytes it would write. */
export function bytesOf(ledger: Pick<Ledger, 'entries'>): Record<string, string> {
  const written: Record<string, string> = {}
  for (const [name, schema] of Object.entries(ledgerSchemas)) {
    for (const [key, record] of ledger.entries(name as keyof typeof ledgerSchemas)) {
      written[`${name} ${key}`] = toHex(encodeMessage(schema as never, record as never))
    }
  }
  return Object.fromEntries(Object.entries(written).sort(([a], [b]) => (a < b ? -1 : 1)))
}
