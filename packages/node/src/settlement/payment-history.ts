/**
 * What one accountant has paid us, by the chain's word: whoever sent it, from whichever machine.
 *
 * A payment is durable once its block is at the confirmation depth. Those above it are read anew with every look, so what
 * a reorganisation takes back is gone from here too.
 *
 * @module
 */

import {
  type ChainClient,
  type ProviderAccount,
  type ProviderPayment,
  reach,
  readPayments,
  readProvider,
} from '@myst/chain'
import {
  type Address,
  address,
  bytes32,
  count,
  field,
  message,
  minOf,
  type NetworkProfile,
  oneOf,
  optional,
  uint,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

export interface Payment extends ProviderPayment {
  /** Of its block. */
  readonly atMs: number
  readonly isConfirmed: boolean
}

export interface PaymentHistory {
  /** Looks at the chain. @throws Fault `chain-unreachable`. */
  look(): Promise<ProviderAccount>
  /** As the last look found it. */
  readonly account: ProviderAccount | undefined
  /** Newest first. */
  readonly payments: readonly Payment[]
  /** What transactors took of all of them. */
  readonly fees: bigint
  /** Payments of this block and later ones are not all confirmed. */
  readonly nextBlock: bigint
}

/** Of one accountant: years of weekly settlements, some 200 bytes each. The oldest go first. */
const maxPayments = 1000
/** A start reads so many blocks again, at most. */
const cursorEveryBlocks = 1000n

const block = uint(64)
const paymentTable = table(
  'payments',
  message({
    kind: field(0, oneOf(['settlement', 'payout'])),
    block: field(1, block),
    logIndex: field(2, count(2 ** 32)),
    hash: field(3, bytes32),
    upTo: field(4, uint(256)),
    paid: field(5, uint(256)),
    fee: field(6, uint(256)),
    to: optional(7, address),
    atMs: field(8, uint(53)),
  }),
)
/** `fees` of all confirmed ones, those included that are no longer kept. */
const cursorTable = table('payments-read', message({ nextBlock: field(0, block), fees: field(1, uint(256)) }))

export function openPaymentHistory(
  deps: { readonly client: ChainClient; readonly store: RecordStore },
  { confirmationDepth, deployedAtBlock }: Pick<NetworkProfile, 'confirmationDepth' | 'deployedAtBlock'>,
  own: { readonly accountant: Address; readonly identity: Address },
): PaymentHistory {
  const { client, store } = deps
  const { rpc, rpcUrl } = client
  const prefix = `${own.accountant}/`
  const keyOf = ({ block, logIndex }: ProviderPayment) =>
    `${prefix}${String(block).padStart(20, '0')}/${String(logIndex).padStart(10, '0')}`
  const confirmed = new Map<string, Payment>(
    [...paymentTable.load(store)]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { atMs, to, ...of }]) => [
        key,
        { ...of, atMs: Number(atMs), isConfirmed: true, ...(to === undefined ? {} : { to }) },
      ]),
  )
  const read = cursorTable.load(store).get(own.accountant)
  let saved = read?.nextBlock
  let fees = read?.fees ?? 0n
  let next = saved
  let unconfirmed: readonly Payment[] = []
  let account: ProviderAccount | undefined

  function keep(payments: readonly Payment[], nextBlock: bigint): void {
    next = nextBlock
    if (payments.length === 0 && saved !== undefined && nextBlock < saved + cursorEveryBlocks) return
    fees += feesOf(payments)
    const writes: RecordWrite[] = [cursorTable.put(own.accountant, { nextBlock, fees })]
    for (const payment of payments) {
      const { isConfirmed: _, atMs, ...of } = payment
      writes.push(paymentTable.put(keyOf(payment), { ...of, atMs: BigInt(atMs) }))
      confirmed.set(keyOf(payment), payment)
    }
    for (const key of [...confirmed.keys()].slice(0, -maxPayments)) {
      confirmed.delete(key)
      writes.push(paymentTable.remove(key))
    }
    store.commit(writes)
    saved = nextBlock
  }

  async function dated(payment: ProviderPayment, deep: bigint): Promise<Payment> {
    const { timestamp } = await reach(rpcUrl, () => rpc.getBlock({ blockNumber: payment.block }))
    return { ...payment, atMs: Number(timestamp) * 1000, isConfirmed: payment.block <= deep }
  }

  async function lookNow(): Promise<ProviderAccount> {
    const head = await reach(rpcUrl, () => rpc.getBlockNumber({ cacheTime: 0 }))
    const now = await readProvider(client, own.accountant, own.identity, head)
    const deep = head - BigInt(confirmationDepth - 1)
    // Whoever was never paid has no past to read.
    next ??= now.settled === 0n && deep >= 0n ? deep + 1n : deployedAtBlock
    // Every payment raises `settled`: while that stands still there is none to be found.
    if (now.settled === account?.settled && unconfirmed.length === 0) {
      if (deep >= next) keep([], deep + 1n)
    } else {
      const found: Payment[] = []
      const range = { fromBlock: next, toBlock: head }
      for await (const part of readPayments(client, own.accountant, own.identity, range)) {
        const payments = await Promise.all(part.payments.map((payment) => dated(payment, deep)))
        found.push(...payments.filter(({ isConfirmed }) => !isConfirmed))
        if (deep >= next) {
          keep(
            payments.filter(({ isConfirmed }) => isConfirmed),
            minOf(part.nextBlock, deep + 1n),
          )
        }
      }
      unconfirmed = found
    }
    account = now
    return now
  }

  /** One after the other: who looks sees what there was when it began, or later. */
  let turn: Promise<unknown> = Promise.resolve()
  function look(): Promise<ProviderAccount> {
    const looked = turn.then(lookNow)
    turn = looked.catch(() => {})
    return looked
  }

  return {
    look,
    get account() {
      return account
    },
    get payments() {
      return [...confirmed.values(), ...unconfirmed].reverse()
    },
    get fees() {
      return fees + feesOf(unconfirmed)
    },
    get nextBlock() {
      return next ?? deployedAtBlock
    },
  }
}

const feesOf = (payments: readonly Payment[]): bigint => payments.reduce((sum, { fee }) => sum + fee, 0n)
