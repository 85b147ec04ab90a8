/**
 * Carries signed requests to the chain: checked, simulated, remembered, sent once.
 *
 * The simulation is what checks signatures: what it refuses costs no gas and no disk. A request that passes is durable before
 * it is broadcast. After a crash it is sent again: the contracts take each of them once, so there is one effect, and a second
 * try that the contract refuses as used, in the simulation or when mined, ends as mined.
 *
 * @module
 */

import type { Call, Sender } from '@myst/chain'
import { accountantAbi, registryAbi } from '@myst/contracts'
import {
  type Address,
  accept,
  type Bytes32,
  bytes,
  type Crypto,
  decodeMessage,
  Fault,
  field,
  maxMessageBytes,
  message,
  refuse,
  type TransactorRequest,
  type TransactorState,
  toHex,
  transactorRequestSchema,
  transactorStateSchema,
  type Verdict,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'
import type { Quoter } from './quoter.ts'

export type CarryRefusal =
  | { readonly code: 'request-malformed' }
  | { readonly code: 'accountant-unknown'; readonly accountant: Address }
  | { readonly code: 'fee-for-other'; readonly transactor: Address }
  | { readonly code: 'fee-too-low'; readonly fee: bigint; readonly least: bigint }
  | { readonly code: 'too-many-waiting' }

export interface Carrier {
  /** Answers when the request is mined or the chain refused it. The same bytes get the same answer. */
  carry(encoded: Uint8Array): Promise<Verdict<CarryRefusal, TransactorState>>
  stateOf(id: Bytes32): TransactorState | undefined
  /** Sends again what a crash left waiting; one that fails stays waiting and keeps nobody else. */
  resume(): Promise<void>
}

export interface CarrierDeps {
  readonly crypto: Crypto
  readonly store: RecordStore
  readonly sender: Sender
  readonly quoter: Quoter
  readonly now: () => number
  readonly onFault: (fault: Fault) => void
}

export interface CarrierOptions {
  readonly registry: Address
  readonly accountants: readonly Address[]
}

/** Each waits for a block; with more, the sender is stuck and new ones are better told so. */
const maxWaiting = 256

/** Refused answers that are still given again; a stranger can fill them, so they live in memory only. */
const maxRefused = 1024
/** A request can have no effect after its deadline; its answer is kept this much longer, for who asks late. */
const keptAfterDeadlineMs = 3_600_000
const sweepEveryMs = 60_000

const requestTable = table(
  'requests',
  message({ request: field(0, bytes(maxMessageBytes)), state: field(1, transactorStateSchema) }),
)

export function createCarrier(deps: CarrierDeps, options: CarrierOptions): Carrier {
  const { crypto, store, sender, quoter } = deps
  const known = requestTable.load(store)
  const underway = new Map<Bytes32, Promise<TransactorState>>()

  const refused = new Map<Bytes32, TransactorState>()
  let sweptAtMs = Number.NEGATIVE_INFINITY

  function remember(encoded: Uint8Array, state: TransactorState): TransactorState {
    store.commit([requestTable.put(state.id, { request: encoded, state }), ...sweep()])
    known.set(state.id, { request: encoded, state })
    return state
  }

  /** Takes what ended and is past its deadline out of memory. @returns what removes it from the disk. */
  function sweep(): RecordWrite[] {
    const nowMs = deps.now()
    if (nowMs - sweptAtMs < sweepEveryMs) return []
    sweptAtMs = nowMs
    const over = [...known].filter(([, { request, state }]) => {
      if (state.status === 'waiting') return false
      const decoded = decodeMessage(transactorRequestSchema, request)
      return !decoded.ok || Number(deadlineOf(decoded.value)) * 1000 + keptAfterDeadlineMs < nowMs
    })
    for (const [id] of over) known.delete(id)
    return over.map(([id]) => requestTable.remove(id))
  }

  function refuseFor(id: Bytes32, code: string): TransactorState {
    const state: TransactorState = { id, status: 'refused', code }
    refused.set(id, state)
    const [oldest] = refused.keys()
    if (refused.size > maxRefused && oldest !== undefined) refused.delete(oldest)
    return state
  }

  async function check(request: TransactorRequest): Promise<CarryRefusal | undefined> {
    const { transactor, fee } = request.kind === 'register' ? request.registration : request.order
    const accountant = request.kind === 'register' ? request.registration.accountant : request.accountant
    if (!options.accountants.includes(accountant)) return { code: 'accountant-unknown', accountant }
    if (transactor !== sender.address) return { code: 'fee-for-other', transactor }
    const least = await quoter.leastFee(request.kind)
    return fee < least ? { code: 'fee-too-low', fee, least } : undefined
  }

  function callOf(request: TransactorRequest): Call {
    if (request.kind === 'register') {
      const { registration, signature } = request
      return {
        to: options.registry,
        abi: registryAbi,
        name: 'registerIdentity',
        args: [registration, toHex(signature)],
      } satisfies Call<typeof registryAbi, 'registerIdentity'>
    }
    const { accountant, order, preimage, promiseSignature, orderSignature } = request
    return {
      to: accountant,
      abi: accountantAbi,
      name: 'settleWithOrder',
      args: [order, preimage, toHex(promiseSignature), toHex(orderSignature)],
    } satisfies Call<typeof accountantAbi, 'settleWithOrder'>
  }

  /** Whether the contract has it already; only one that was broadcast can be asked about. */
  async function isDone(call: Call): Promise<boolean> {
    try {
      await sender.simulate(call)
      return false
    } catch (fault) {
      if (!(fault instanceof Fault) || fault.code !== 'transaction-refused') throw fault
      return alreadyDone.has(codeOf(fault))
    }
  }

  /** Ends in a state that is remembered, or is refused; a chain that is away leaves the request waiting and throws. */
  function sendOnce(id: Bytes32, encoded: Uint8Array, request: TransactorRequest): Promise<TransactorState> {
    const running = underway.get(id)
    if (running !== undefined) return running
    const sending = (async () => {
      const again = known.get(id)?.state.status === 'waiting'
      const call = callOf(request)
      try {
        const { transactionHash } = await sender.send(call, () => {
          if (!again) remember(encoded, { id, status: 'waiting' })
        })
        return remember(encoded, { id, status: 'mined', hash: transactionHash })
      } catch (fault) {
        if (!(fault instanceof Fault) || fault.code === 'chain-unreachable') throw fault
        const code = codeOf(fault)
        if (fault.code === 'transaction-refused' && !again) return refuseFor(id, code)
        // Sent before the crash, and mined, then or only now: the contract says that it has it.
        if (again && (await isDone(call))) return remember(encoded, { id, status: 'mined' })
        return remember(encoded, { id, status: 'refused', code })
      }
    })().finally(() => underway.delete(id))
    underway.set(id, sending)
    return sending
  }

  function answerTo(id: Bytes32): TransactorState | undefined {
    return refused.get(id) ?? known.get(id)?.state
  }

  return {
    async carry(encoded) {
      const decoded = decodeMessage(transactorRequestSchema, encoded)
      if (!decoded.ok) return refuse({ code: 'request-malformed' })
      const id = toHex(crypto.keccak256(encoded))
      const before = answerTo(id)
      if (before !== undefined && before.status !== 'waiting') return accept(before)
      if (underway.size >= maxWaiting) return refuse({ code: 'too-many-waiting' })
      const refusal = before === undefined ? await check(decoded.value) : undefined
      if (refusal !== undefined) return refuse(refusal)
      return accept(await sendOnce(id, encoded, decoded.value))
    },
    stateOf: answerTo,
    async resume() {
      for (const [id, { request, state }] of known) {
        if (state.status !== 'waiting') continue
        const decoded = decodeMessage(transactorRequestSchema, request)
        if (!decoded.ok) continue
        try {
          await sendOnce(id as Bytes32, request, decoded.value)
        } catch (fault) {
          if (!(fault instanceof Fault)) throw fault
          deps.onFault(fault)
        }
      }
    },
  }
}

function deadlineOf(request: TransactorRequest): bigint {
  return request.kind === 'register' ? request.registration.deadline : request.order.deadline
}

const codeOf = (fault: Fault): string => String(fault.facts.error ?? fault.code).slice(0, 64)

const alreadyDone: ReadonlySet<string> = new Set(['AlreadyRegistered', 'NonceUsed', 'PromiseNotIncreasing'])
