/**
 * Later: fees that come with a transaction days after the request they are for, and that nobody else has a reason to send.
 *
 * An exit's fee is paid when the exit is, a stake decrease's with the stake. Each is durable from the commit of the request's
 * end until it is paid, or until the chain shows that it never will be: taken back, or asked for anew through another.
 *
 * @module
 */

import { type Call, type Endpoints, reach } from '@myst/chain'
import { accountantAbi, consumerChannelAbi } from '@myst/contracts'
import {
  type Address,
  address,
  type Bytes32,
  type Crypto,
  Fault,
  field,
  fromHex,
  message,
  toHex,
  uint,
  variants,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'
import type { Runner } from './runner.ts'
import type { LaterCall } from './signed-call.ts'

export interface Later {
  /** Whether a fee of theirs is still to come: an identity has one call on credit at a time. */
  isDue(identity: Address): boolean
  /** @returns what makes it durable, for the commit of the request's end. */
  add(id: Bytes32, call: LaterCall, fee: bigint): readonly RecordWrite[]
  /** Sends what is due. */
  look(): Promise<void>
  size(): number
}

export interface LaterDeps {
  readonly crypto: Crypto
  readonly endpoints: Endpoints
  readonly store: RecordStore
  readonly runner: () => Runner
  readonly nativeOf: (fee: bigint) => bigint
  readonly now: () => number
  readonly onFault: (fault: Fault) => void
}

const laterTable = table(
  'later',
  message({
    call: field(
      0,
      variants({
        'finalize-exit': message({
          channel: field(0, address),
          accountant: field(1, address),
          identity: field(2, address),
        }),
        'finalize-decrease': message({ accountant: field(0, address), identity: field(1, address) }),
      }),
    ),
    fee: field(1, uint(256)),
    notBeforeMs: field(2, uint(53)),
  }),
)

/** What could not be paid out is tried again: a channel may be filled again, and gas gets cheaper. */
const againAfterMs = 3_600_000

export function createLater(deps: LaterDeps): Later {
  const { endpoints, store, now } = deps
  const known = laterTable.load(store)
  const underway = new Set<string>()

  function postpone(id: string, untilMs: number): void {
    const record = known.get(id)
    if (record === undefined) return
    const later = { ...record, notBeforeMs: BigInt(untilMs) }
    known.set(id, later)
    store.commit([laterTable.put(id, later)])
  }

  function forget(id: string): readonly RecordWrite[] {
    known.delete(id)
    return [laterTable.remove(id)]
  }

  /** Pending on chain, with us as the fee's payee? Its due time in seconds; 0n where all say that it is not. */
  async function dueAt(call: LaterCall): Promise<bigint> {
    return endpoints.agree('what is pending', ({ rpc, rpcUrl }) =>
      reach(rpcUrl, async () => {
        const pending: { readonly transactor: string; readonly dueAt: bigint } =
          call.kind === 'finalize-exit'
            ? await rpc.readContract({ address: call.channel, abi: consumerChannelAbi, functionName: 'exit' })
            : await rpc.readContract({
                address: call.accountant,
                abi: accountantAbi,
                functionName: 'pendingDecrease',
                args: [call.identity],
              })
        return pending.transactor.toLowerCase() === deps.runner().outbox.address ? pending.dueAt : 0n
      }),
    )
  }

  /** The latest of all: what is sent too early is refused by the simulation. */
  async function blockTime(): Promise<bigint> {
    const answers = await endpoints.ask(({ rpc, rpcUrl }) => reach(rpcUrl, () => rpc.getBlock({ blockTag: 'latest' })))
    return answers.reduce((latest, { value }) => (value.timestamp > latest ? value.timestamp : latest), 0n)
  }

  function toSend(call: LaterCall): Call {
    if (call.kind === 'finalize-exit') {
      return { to: call.channel, abi: consumerChannelAbi, name: 'finalizeExit', args: [] } satisfies Call<
        typeof consumerChannelAbi,
        'finalizeExit'
      >
    }
    return {
      to: call.accountant,
      abi: accountantAbi,
      name: 'finalizeStakeDecrease',
      args: [call.identity],
    } satisfies Call<typeof accountantAbi, 'finalizeStakeDecrease'>
  }

  async function send(id: string, call: LaterCall, fee: bigint): Promise<void> {
    const due = await dueAt(call)
    if (due === 0n) return store.commit(forget(id))
    const leftMs = Number(due - (await blockTime())) * 1000
    // A chain whose time goes backward for a while must not put it off for as long as that.
    if (leftMs > 0) return postpone(id, now() + Math.min(leftMs, againAfterMs))
    const added = deps.runner().add({
      id: laterId(id),
      owner: `later ${call.identity}`,
      toSend: toSend(call),
      pays: deps.nativeOf(fee),
      laterGas: 0n,
      deadline: BigInt(Math.trunc((now() + againAfterMs) / 1000)),
      wasSent: false,
      writes: (end) => (end.kind === 'mined' ? forget(id) : []),
      writesAgain: () => [],
      ended(end) {
        underway.delete(id)
        if (end.kind !== 'mined') postpone(id, now() + againAfterMs)
      },
    })
    if (added === 'queued') underway.add(id)
  }

  const laterId = (id: string) => toHex(deps.crypto.keccak256(fromHex(`${id}01` as Bytes32)))

  return {
    isDue: (identity) => [...known.values()].some(({ call }) => call.identity === identity),
    add(id, call, fee) {
      const record = { call, fee, notBeforeMs: BigInt(now()) }
      known.set(id, record)
      return [laterTable.put(id, record)]
    },
    async look() {
      for (const [id, { call, fee, notBeforeMs }] of known) {
        if (underway.has(id)) continue
        // What left before a restart is attached to at once, due or not.
        const left = deps
          .runner()
          .outbox.underway()
          .some((sending) => sending.id === laterId(id))
        if (Number(notBeforeMs) > now() && !left) continue
        try {
          await send(id, call, fee)
        } catch (fault) {
          if (!(fault instanceof Fault) || fault.code === 'store-failed') throw fault
          return deps.onFault(fault)
        }
      }
    },
    size: () => known.size,
  }
}
