/**
 * Carries signed requests to the chain: checked, simulated, sent once, remembered.
 *
 * A request is durable before it is sent. After a crash it is sent again: the contracts take each of them once, so there is
 * one effect, and a second try that the chain refuses as used ends as mined.
 *
 * @module
 */

import type { Sender } from '@myst/chain'
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
import { type RecordStore, table } from '@myst/store'
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
  /** Sends again what a crash left waiting. */
  resume(): Promise<void>
}

export interface CarrierDeps {
  readonly crypto: Crypto
  readonly store: RecordStore
  readonly sender: Sender
  readonly quoter: Quoter
}

export interface CarrierOptions {
  readonly registry: Address
  readonly accountants: readonly Address[]
}

/** Each waits for a block; with more, the sender is stuck and new ones are better told so. */
const maxWaiting = 256

const requestTable = table(
  'requests',
  message({ request: field(0, bytes(maxMessageBytes)), state: field(1, transactorStateSchema) }),
)

export function createCarrier(deps: CarrierDeps, options: CarrierOptions): Carrier {
  const { crypto, store, sender, quoter } = deps
  const known = requestTable.load(store)
  const underway = new Map<Bytes32, Promise<TransactorState>>()

  function remember(encoded: Uint8Array, state: TransactorState): TransactorState {
    store.commit([requestTable.put(state.id, { request: encoded, state })])
    known.set(state.id, { request: encoded, state })
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

  async function transact(request: TransactorRequest) {
    if (request.kind === 'register') {
      const { registration, signature } = request
      const args = [registration, toHex(signature)] as const
      return sender.send({ to: options.registry, abi: registryAbi, name: 'registerIdentity', args })
    }
    const { accountant, order, preimage, promiseSignature, orderSignature } = request
    const args = [order, preimage, toHex(promiseSignature), toHex(orderSignature)] as const
    return sender.send({ to: accountant, abi: accountantAbi, name: 'settleWithOrder', args })
  }

  /** Ends in a state that is remembered; a chain that is away leaves the request waiting and throws. */
  function sendOnce(id: Bytes32, encoded: Uint8Array, request: TransactorRequest): Promise<TransactorState> {
    const running = underway.get(id)
    if (running !== undefined) return running
    const sending = (async () => {
      const again = known.get(id)?.state.status === 'waiting'
      if (!again) remember(encoded, { id, status: 'waiting' })
      try {
        const { transactionHash } = await transact(request)
        return remember(encoded, { id, status: 'mined', hash: transactionHash })
      } catch (fault) {
        if (!(fault instanceof Fault) || fault.code === 'chain-unreachable') throw fault
        const code = String(fault.facts.error ?? fault.code).slice(0, 64)
        // Sent before the crash, and mined: the contract says that it has it.
        if (again && alreadyDone.has(code)) return remember(encoded, { id, status: 'mined' })
        return remember(encoded, { id, status: 'refused', code })
      }
    })().finally(() => underway.delete(id))
    underway.set(id, sending)
    return sending
  }

  return {
    async carry(encoded) {
      const decoded = decodeMessage(transactorRequestSchema, encoded)
      if (!decoded.ok) return refuse({ code: 'request-malformed' })
      const id = toHex(crypto.keccak256(encoded))
      const before = known.get(id)?.state
      if (before !== undefined && before.status !== 'waiting') return accept(before)
      if (underway.size >= maxWaiting) return refuse({ code: 'too-many-waiting' })
      const refusal = before === undefined ? await check(decoded.value) : undefined
      if (refusal !== undefined) return refuse(refusal)
      return accept(await sendOnce(id, encoded, decoded.value))
    },
    stateOf: (id) => known.get(id)?.state,
    async resume() {
      for (const [id, { request, state }] of known) {
        if (state.status !== 'waiting') continue
        const decoded = decodeMessage(transactorRequestSchema, request)
        if (decoded.ok) await sendOnce(id as Bytes32, request, decoded.value)
      }
    },
  }
}

const alreadyDone: ReadonlySet<string> = new Set(['AlreadyRegistered', 'NonceUsed', 'PromiseNotIncreasing'])
