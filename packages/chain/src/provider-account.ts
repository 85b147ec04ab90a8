/**
 * What an accountant's contract says of one provider, and what it has paid to it.
 *
 * @module
 */

import { accountantAbi } from '@myst/contracts'
import type { Address, Bytes32 } from '@myst/protocol'
import { encodeEventTopics, type Hex, numberToHex, parseEventLogs, type RpcLog } from 'viem'
import { type ChainClient, reach } from './chain-client.ts'

export interface ProviderAccount {
  readonly stake: bigint
  readonly guarantee: bigint
  /** Paid out so far. */
  readonly settled: bigint
  readonly operatorStake: bigint
  /** Punished, about to change its key, or closed: what backs its promises may soon be less. */
  readonly atRisk: boolean
}

/** @throws Fault `chain-unreachable`. */
export function readProvider(
  { rpc, rpcUrl }: ChainClient,
  accountant: Address,
  identity: Address,
  blockNumber: bigint,
): Promise<ProviderAccount> {
  const at = { address: accountant, abi: accountantAbi, blockNumber } as const
  return reach(rpcUrl, async () => {
    const [provider, operatorStake, punishedSince, [, rotationAt], isClosed] = await Promise.all([
      rpc.readContract({ ...at, functionName: 'providerOf', args: [identity] }),
      rpc.readContract({ ...at, functionName: 'operatorStake' }),
      rpc.readContract({ ...at, functionName: 'punishedSince' }),
      rpc.readContract({ ...at, functionName: 'nextOperator' }),
      rpc.readContract({ ...at, functionName: 'isClosed' }),
    ])
    const { stake, guarantee, settled } = provider
    return { stake, guarantee, settled, operatorStake, atRisk: punishedSince > 0n || rotationAt > 0n || isClosed }
  })
}

/** One payment: a settlement, whoever sent it, or a payout that the operator made unasked. */
export interface ProviderPayment {
  readonly kind: 'settlement' | 'payout'
  readonly block: bigint
  readonly logIndex: number
  readonly hash: Bytes32
  /** All that the provider has been promised, of which this settles what it can. */
  readonly upTo: bigint
  /** In all, the fee included. */
  readonly paid: bigint
  readonly fee: bigint
  /** Absent: the beneficiary that was registered at the time. The accountant itself where it went into stake. */
  readonly to?: Address
}

/** More blocks at once than this, and public RPC endpoints refuse the query. */
const maxRange = 2_000n

const topicOf = (eventName: 'ProviderSettled' | 'OrderSettled' | 'ProviderPaidOut'): Hex | null | Hex[] | undefined =>
  encodeEventTopics({ abi: accountantAbi, eventName })[0]
const topics = [topicOf('ProviderSettled'), topicOf('OrderSettled'), topicOf('ProviderPaidOut')]

/**
 * Payments in these blocks, in order, in as many parts as nodes ask for.
 *
 * @throws Fault `chain-unreachable`.
 */
export async function* readPayments(
  { rpc, rpcUrl }: ChainClient,
  accountant: Address,
  identity: Address,
  range: { readonly fromBlock: bigint; readonly toBlock: bigint },
): AsyncGenerator<{ readonly payments: readonly ProviderPayment[]; readonly nextBlock: bigint }> {
  for (let next = range.fromBlock; next <= range.toBlock; ) {
    const toBlock = next + maxRange - 1n < range.toBlock ? next + maxRange - 1n : range.toBlock
    const wanted = {
      address: accountant,
      topics: [topics, `0x${identity.slice(2).padStart(64, '0')}`],
      fromBlock: numberToHex(next),
      toBlock: numberToHex(toBlock),
    }
    const logs = await reach(rpcUrl, () => rpc.request({ method: 'eth_getLogs', params: [wanted] } as never))
    next = toBlock + 1n
    yield { payments: paymentsIn(logs as RpcLog[]), nextBlock: next }
  }
}

function paymentsIn(logs: readonly RpcLog[]): readonly ProviderPayment[] {
  const events = parseEventLogs({
    abi: accountantAbi,
    eventName: ['ProviderSettled', 'OrderSettled', 'ProviderPaidOut'],
    logs: [...logs],
  })
  const payments: ProviderPayment[] = []
  for (const { eventName, args, blockNumber, logIndex, transactionHash } of events) {
    if (blockNumber === null || logIndex === null || transactionHash === null) continue
    const at = { block: blockNumber, logIndex, hash: transactionHash }
    if (eventName === 'ProviderSettled') {
      payments.push({ kind: 'settlement', ...at, upTo: args.amount, paid: args.paid, fee: 0n })
    } else if (eventName === 'ProviderPaidOut') {
      const to = args.beneficiary.toLowerCase() as Address
      payments.push({ kind: 'payout', ...at, upTo: args.upTo, paid: args.paid, fee: 0n, to })
    } else {
      // It follows the settlement that it is of, in the same transaction.
      const last = payments.pop()
      if (last === undefined || last.hash !== transactionHash) continue
      payments.push({ ...last, fee: args.fee, to: args.beneficiary.toLowerCase() as Address })
    }
  }
  return payments
}
