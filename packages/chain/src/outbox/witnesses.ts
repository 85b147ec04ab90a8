/**
 * Witnesses: what the endpoints of a chain say of one key's transactions, taken together so that none of them alone ends a
 * sending, uses a nonce up, or makes anything dearer.
 *
 * @module
 */

import { type Address, assert, type Hex } from '@myst/protocol'
import { TransactionNotFoundError, TransactionReceiptNotFoundError } from 'viem'
import { type ChainClient, reach } from '../chain-client.ts'
import { readFees } from '../deployment/fees.ts'
import { broadcast } from '../deployment/transaction.ts'
import type { Answers, Endpoints } from '../endpoints.ts'
import type { Market } from './sending.ts'

export interface Seen {
  /** The lowest head: so many blocks have passed on all of them. */
  readonly head: bigint
  /** Transactions of ours that are mined: the next nonce the chain takes. The least and the most that any shows. */
  readonly count: { readonly least: number; readonly most: number }
}

/** A transaction that is mined at the confirmation depth. */
export interface MinedAtDepth {
  readonly hash: Hex
  readonly succeeded: boolean
  /** In the chain's smallest unit. */
  readonly spent: bigint
}

export type Word =
  /** All say so. */
  | { readonly kind: 'mined'; readonly mined: MinedAtDepth }
  /** All of them know it, and some not at the depth yet. */
  | { readonly kind: 'young' }
  /** None knows any of them. */
  | { readonly kind: 'unknown' }
  /** Some know it and others do not, or not as the same. */
  | { readonly kind: 'disagree'; readonly facts: Readonly<Record<string, string>> }

export interface Witnesses {
  /** @throws Fault `chain-unreachable`, `chain-wrong-id`. */
  look(): Promise<Seen>
  /** The cheapest of them: one that makes gas dear does not make us pay for it. */
  market(): Promise<Market & { readonly legacy: boolean }>
  /** @param hashes of one nonce: one of them at most is mined. */
  wordOn(hashes: readonly Hex[]): Promise<Word>
  /** Whether every endpoint there is, away or not, shows the nonce as used at the depth. */
  isUsedForAll(nonce: number): Promise<boolean>
  /** To all of them: a pool that swallows it is not the only one. */
  spread(raw: Hex): Promise<void>
  /** @returns whether one of them had forgotten it. */
  spreadWhereUnknown(hash: Hex, raw: Hex): Promise<boolean>
}

/** Blocks come more often on every chain that we know; with all of them so late, it is the chain. */
const staleMs = 600_000

export function createWitnesses(
  endpoints: Endpoints,
  { address, depth, now }: { readonly address: Address; readonly depth: number; readonly now: () => number },
): Witnesses {
  /** One that stands still shows a past in which nothing of ours is mined. By its own block's time, which others can't change. */
  function leaveOutStale<T extends { readonly timestampS: bigint }>(answers: Answers<T>): readonly T[] {
    const ageMs = ({ timestampS }: T) => now() - Number(timestampS) * 1000
    const fresh = answers.filter(({ value }) => ageMs(value) <= staleMs)
    if (fresh.length === 0) return answers.map(({ value }) => value)
    for (const { client, value } of answers) {
      const late = Math.trunc(ageMs(value) / 60_000)
      if (ageMs(value) > staleMs) endpoints.leaveOut(client, `its newest block is ${late} minutes old`)
    }
    return fresh.map(({ value }) => value)
  }

  return {
    async look() {
      const answers = await endpoints.ask(({ rpc, rpcUrl }) =>
        reach(rpcUrl, async () => {
          const [{ number: head, timestamp: timestampS }, count] = await Promise.all([
            rpc.getBlock({ blockTag: 'latest' }),
            rpc.getTransactionCount({ address, blockTag: 'latest' }),
          ])
          if (typeof head !== 'bigint' || typeof timestampS !== 'bigint' || !Number.isSafeInteger(count)) {
            throw new TypeError('no head, or no count')
          }
          return { head, timestampS, count }
        }),
      )
      const seen = leaveOutStale(answers)
      const counts = seen.map(({ count }) => count)
      const heads = seen.map(({ head }) => head)
      return {
        head: heads.reduce((least, head) => (head < least ? head : least)),
        count: { least: Math.min(...counts), most: Math.max(...counts) },
      }
    },
    async market() {
      const answers = await endpoints.ask((client) => readFees(client))
      const [first, ...others] = answers.map(({ value }) => value)
      assert(first !== undefined, 'an answer without one')
      const { expected, most, priority } = others.reduce(
        (cheapest, fees) => (fees.expected < cheapest.expected ? fees : cheapest),
        first,
      )
      // A chain that has base fees takes transactions without, and not the other way round.
      const legacy = answers.some(({ value }) => value.priority === undefined)
      return { expected, legacy, maxFeePerGas: most, maxPriorityFeePerGas: priority ?? most }
    },
    async wordOn(hashes) {
      const answers = await endpoints.ask((client) => reach(client.rpcUrl, () => receiptAt(client, hashes, depth)))
      const [first] = answers
      if (answers.every(({ value }) => value === 'unknown')) return { kind: 'unknown' }
      const known = answers.flatMap(({ value }) => (value === 'unknown' ? [] : [value]))
      if (known.some((value) => value === 'young') && known.length === answers.length) return { kind: 'young' }
      const facts = Object.fromEntries(answers.map(({ client, value }) => [client.rpcUrl, wordsFor(value)]))
      const same = new Set(Object.values(facts)).size === 1
      return typeof first.value === 'string' || !same
        ? { kind: 'disagree', facts }
        : { kind: 'mined', mined: first.value }
    },
    async isUsedForAll(nonce) {
      const answers = await endpoints.ask(({ rpc, rpcUrl }) =>
        reach(rpcUrl, async () => {
          const deep = (await rpc.getBlockNumber()) - BigInt(depth - 1)
          return rpc.getTransactionCount({ address, blockNumber: deep < 0n ? 0n : deep })
        }),
      )
      return answers.length === endpoints.size && answers.every(({ value }) => value > nonce)
    },
    async spread(raw) {
      await endpoints.ask((client) => broadcast(client, raw))
    },
    async spreadWhereUnknown(hash, raw) {
      const answers = await endpoints.ask(async (client) => {
        const { rpc, rpcUrl } = client
        const known = await reach(rpcUrl, () => rpc.getTransaction({ hash }).catch(undefinedIfUnknown))
        if (known === undefined) await broadcast(client, raw)
        return known !== undefined
      })
      return answers.some(({ value }) => !value)
    },
  }
}

/** Of one endpoint, by its own head. */
async function receiptAt(
  { rpc }: ChainClient,
  hashes: readonly Hex[],
  depth: number,
): Promise<MinedAtDepth | 'young' | 'unknown'> {
  const [head, ...found] = await Promise.all([
    rpc.getBlockNumber(),
    ...hashes.map((hash) => rpc.getTransactionReceipt({ hash }).catch(undefinedIfUnknown)),
  ])
  const receipt = found.find((one) => one !== undefined)
  if (receipt === undefined) return 'unknown'
  const { transactionHash, blockNumber, blockHash, gasUsed, effectiveGasPrice, status } = receipt
  const figures = [blockNumber, gasUsed, effectiveGasPrice]
  if (!hashes.includes(transactionHash) || !figures.every((figure) => typeof figure === 'bigint')) {
    throw new TypeError('no receipt of ours')
  }
  if (head - blockNumber + 1n < BigInt(depth)) return 'young'
  const block = await rpc.getBlock({ blockNumber })
  // A node that keeps receipts of blocks that were taken back.
  if (block.hash !== blockHash) return 'young'
  return { hash: transactionHash, succeeded: status === 'success', spent: gasUsed * effectiveGasPrice }
}

const wordsFor = (value: MinedAtDepth | string): string =>
  typeof value === 'string'
    ? value
    : `${value.hash} ${value.succeeded ? 'succeeded' : 'reverted'}, ${value.spent} spent`

function undefinedIfUnknown(cause: unknown): undefined {
  if (cause instanceof TransactionReceiptNotFoundError || cause instanceof TransactionNotFoundError) return undefined
  throw cause
}
