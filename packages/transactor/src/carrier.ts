/**
 * Carries signed requests to the chain: checked, remembered, sent once.
 *
 * The checks stand in the order of their cost, and the signature is checked here, so that nobody spends another's quota. What
 * passes is durable before anything is sent, and from then on it is brought to an end however long the chain is away. The
 * simulation before it is sent refuses the rest without gas.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Buckets, createBuckets } from '@myst/program'
import {
  type Address,
  accept,
  type Bytes32,
  bytes,
  type Crypto,
  decodeMessage,
  field,
  maxMessageBytes,
  message,
  optional,
  refuse,
  type TransactorCall,
  type TransactorRequest,
  type TransactorState,
  toHex,
  transactorRequestSchema,
  transactorStateSchema,
  uint,
  type Verdict,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'
import type { DayBook } from './day-book.ts'
import type { Later } from './later.ts'
import { laterGasOf, type Quoter } from './quoter.ts'
import type { Reverts } from './reverts.ts'
import type { Job, JobEnd, Runner } from './runner.ts'
import { type NetworkOfCalls, readRequest, type SignedCall } from './signed-call.ts'

export type CarryRefusal =
  | { readonly code: 'request-malformed' }
  | { readonly code: 'address-quota' }
  | { readonly code: 'accountant-unknown'; readonly accountant: Address }
  | { readonly code: 'fee-for-other'; readonly transactor: Address }
  | { readonly code: 'deadline-passed'; readonly deadline: bigint }
  | { readonly code: 'wrong-signer'; readonly identity: Address }
  | { readonly code: 'identity-closed'; readonly untilMs: number }
  | { readonly code: 'identity-quota'; readonly identity: Address }
  | { readonly code: 'fee-still-due'; readonly identity: Address }
  | { readonly code: 'losses-high' }
  | { readonly code: 'advances-high' }
  | { readonly code: 'sponsoring-over' }
  | { readonly code: 'fee-too-low'; readonly fee: bigint; readonly least: bigint }
  | { readonly code: 'too-many-waiting' }

export interface Carrier {
  /**
   * Answers when the request is mined at depth or refused, or `waiting` when that takes longer than `answerWithinMs`. The
   * same bytes get the same answer, and have one effect.
   *
   * @param address who asks, for the quotas.
   * @throws Fault `chain-unreachable` where the chain has to be asked first what it costs.
   */
  carry(encoded: Uint8Array, address: string): Promise<Verdict<CarryRefusal, TransactorState>>
  stateOf(id: Bytes32): TransactorState | undefined
  /** From now on answers at once, `waiting` where it must: the program is about to end. */
  hurry(): void
  /** By call and end: since the start. */
  counts(): ReadonlyMap<TransactorCall, Readonly<Record<JobEnd['kind'] | 'received', number>>>
}

export interface CarrierDeps {
  readonly crypto: Crypto
  readonly store: RecordStore
  readonly runner: Runner
  readonly quoter: Quoter
  readonly dayBook: DayBook
  readonly reverts: Reverts
  readonly later: Later
  /** Why a call is not worth its gas, although the contract takes it: asked before each is sent. */
  readonly worthOf: (signed: SignedCall) => Promise<string | undefined>
  readonly now: () => number
}

export interface CarrierOptions {
  readonly network: NetworkOfCalls
  readonly accountants: readonly Address[]
  readonly maxLostPerDay: bigint
  readonly maxAdvancedPerDay: bigint
  /** Absent: nobody is sponsored. */
  readonly sponsor?: { readonly perDay: number; readonly perAddressPerDay: number } | undefined
  readonly answerWithinMs: number
}

/** A person registers once and settles a few times a day; a provider of a test network every minute. */
const identityQuota = { burst: 20, perHour: 120 }
/** Several people behind one address. */
const addressQuota = { burst: 60, perHour: 600 }
/** Refused answers that are still given again; a stranger can fill them, so they live in memory only. */
const maxRefused = 1024
/** A request can have no effect after its deadline; its answer is kept this much longer, for who asks late. */
const keptAfterDeadlineMs = 3_600_000
/** Deadlines can be in a thousand years. */
const keptAfterEndMs = 604_800_000
/** A sweep decodes every request that is known. */
const sweepEveryMs = 60_000

const requestTable = table(
  'requests',
  message({
    request: field(0, bytes(maxMessageBytes)),
    state: field(1, transactorStateSchema),
    atMs: field(2, uint(53)),
    /** When it left; its nonce may since have been used by another. */
    leftAtMs: optional(3, uint(53)),
  }),
)

export function createCarrier(deps: CarrierDeps, options: CarrierOptions): Carrier {
  const { crypto, store, runner, quoter, dayBook, now } = deps
  const known = requestTable.load(store)
  const refused = new Map<Bytes32, TransactorState>()
  const waits = new Map<Bytes32, { readonly ending: Promise<TransactorState>; end(state: TransactorState): void }>()
  const counts = new Map<TransactorCall, Record<JobEnd['kind'] | 'received', number>>()
  const [identities, addresses] = [createBuckets(identityQuota), createBuckets(addressQuota)]
  const sponsored = sponsorsOf(options.sponsor)
  const hurry = new AbortController()
  let sponsoredWaiting = 0
  let sweptAtMs = Number.NEGATIVE_INFINITY

  /** Takes what ended long ago out of memory. @returns what removes it from the disk. */
  function sweep(): RecordWrite[] {
    const nowMs = now()
    if (nowMs - sweptAtMs < sweepEveryMs) return []
    sweptAtMs = nowMs
    const over = [...known].filter(([, { request, state, atMs }]) => {
      if (state.status === 'waiting') return false
      const decoded = decodeMessage(transactorRequestSchema, request)
      if (!decoded.ok || Number(atMs) + keptAfterEndMs < nowMs) return true
      return Number(read(decoded.value).deadline) * 1000 + keptAfterDeadlineMs < nowMs
    })
    for (const [id] of over) known.delete(id)
    return over.map(([id]) => requestTable.remove(id))
  }

  const read = (request: TransactorRequest) => readRequest(crypto, options.network, request)

  function count(call: TransactorCall, what: JobEnd['kind'] | 'received'): void {
    const before = counts.get(call) ?? { received: 0, mined: 0, reverted: 0, refused: 0 }
    counts.set(call, { ...before, [what]: before[what] + 1 })
  }

  async function check(signed: SignedCall, address: string): Promise<CarryRefusal | undefined> {
    const { accountant, transactor, deadline, identity, fee } = signed
    const us = runner.outbox.address
    if (!options.accountants.includes(accountant)) return { code: 'accountant-unknown', accountant }
    if (transactor !== us) return { code: 'fee-for-other', transactor }
    if (Number(deadline) * 1000 < now()) return { code: 'deadline-passed', deadline }
    if (crypto.recover(signed.hash, signed.signature) !== identity) return { code: 'wrong-signer', identity }
    const untilMs = deps.reverts.closedUntilMs(identity)
    if (untilMs !== undefined) return { code: 'identity-closed', untilMs }
    if (!identities.take(identity, now())) return { code: 'identity-quota', identity }
    if (signed.feeComesWith !== undefined && deps.later.isDue(identity)) return { code: 'fee-still-due', identity }
    const { lost, advanced } = dayBook.today()
    if (lost >= options.maxLostPerDay) return { code: 'losses-high' }
    if (signed.feeComesWith !== undefined && advanced >= options.maxAdvancedPerDay) return { code: 'advances-high' }
    if (isSponsored(signed)) return sponsor(address)
    const least = await quoter.leastFee(signed.call)
    return fee < least ? { code: 'fee-too-low', fee, least } : undefined
  }

  const isSponsored = ({ call, fee }: SignedCall) => call === 'register' && fee === 0n && options.sponsor !== undefined

  async function sponsor(address: string): Promise<CarryRefusal | undefined> {
    // What others pay is the most that this one may cost.
    await quoter.quote('register')
    const left = (options.sponsor?.perDay ?? 0) - dayBook.today().sponsored - sponsoredWaiting
    return left > 0 && sponsored.take(address, now()) ? undefined : { code: 'sponsoring-over' }
  }

  /** Its fee pays for the gas; a sponsored one may cost what others pay. */
  const paysFor = (signed: SignedCall): bigint =>
    quoter.nativeOf(isSponsored(signed) ? quoter.lastFee('register') : signed.fee)

  function jobOf(id: Bytes32, encoded: Uint8Array, signed: SignedCall, pays: bigint, leftAtMs?: bigint): Job {
    const atMs = () => BigInt(now())
    let left = leftAtMs !== undefined
    const stateAfter = (end: JobEnd): TransactorState => {
      if (end.kind === 'mined') return { id, status: 'mined', ...(end.hash === undefined ? {} : { hash: end.hash }) }
      if (end.kind === 'reverted') return { id, status: 'refused', hash: end.hash, code: 'transaction-reverted' }
      return { id, status: 'refused', code: end.code }
    }
    return {
      id,
      owner: signed.identity,
      toSend: signed.toSend,
      pays,
      laterGas: laterGasOf[signed.call] ?? 0n,
      deadline: signed.deadline,
      wasSent: left,
      check: () => deps.worthOf(signed),
      writesAgain() {
        left = true
        const record = { request: encoded, state: { id, status: 'waiting' as const }, atMs: atMs(), leftAtMs: atMs() }
        known.set(id, record)
        return [requestTable.put(id, record)]
      },
      writes(end) {
        // What the simulation refused leaves nothing on disk.
        if (end.kind === 'refused' && !left) return [requestTable.remove(id), ...sweep()]
        const record = { request: encoded, state: stateAfter(end), atMs: atMs() }
        known.set(id, record)
        return [
          requestTable.put(id, record),
          ...sweep(),
          ...(end.kind === 'reverted' ? deps.reverts.add(signed.identity) : []),
          ...(end.kind === 'mined' && isSponsored(signed) ? dayBook.add({ sponsored: 1 }) : []),
          ...(end.kind === 'mined' && signed.feeComesWith !== undefined
            ? deps.later.add(id, signed.feeComesWith, signed.fee)
            : []),
        ]
      },
      ended(end) {
        count(signed.call, end.kind)
        if (isSponsored(signed)) sponsoredWaiting--
        const state = stateAfter(end)
        if (end.kind === 'refused' && !left) keepRefused(state)
        waits.get(id)?.end(state)
        waits.delete(id)
      },
    }
  }

  function keepRefused(state: TransactorState): void {
    known.delete(state.id)
    refused.set(state.id, state)
    const [oldest] = refused.keys()
    if (refused.size > maxRefused && oldest !== undefined) refused.delete(oldest)
  }

  function waitFor(id: Bytes32): void {
    let end: (state: TransactorState) => void = () => {}
    const ending = new Promise<TransactorState>((resolve) => {
      end = resolve
    })
    waits.set(id, { ending, end })
  }

  function answerTo(id: Bytes32): TransactorState | undefined {
    return refused.get(id) ?? known.get(id)?.state
  }

  /** Its end, or what it is then. */
  async function endOf(id: Bytes32): Promise<TransactorState> {
    const known = answerTo(id)
    if (known !== undefined && known.status !== 'waiting') return known
    const late = new AbortController()
    const signal = AbortSignal.any([late.signal, hurry.signal])
    const tooLate = wait(options.answerWithinMs, undefined, { signal }).catch(() => undefined)
    const state = await Promise.race([waits.get(id)?.ending, tooLate])
    late.abort()
    return state ?? answerTo(id) ?? { id, status: 'waiting' }
  }

  function takeOver(id: Bytes32, encoded: Uint8Array, signed: SignedCall): CarryRefusal | undefined {
    // The same request may have come in while the chain was asked.
    if (answerTo(id) !== undefined) return undefined
    if (runner.hasRoom(signed.identity) !== 'queued') return { code: 'too-many-waiting' }
    const record = { request: encoded, state: { id, status: 'waiting' as const }, atMs: BigInt(now()) }
    store.commit([requestTable.put(id, record), ...sweep()])
    known.set(id, record)
    waitFor(id)
    count(signed.call, 'received')
    if (isSponsored(signed)) sponsoredWaiting++
    runner.add(jobOf(id, encoded, signed, paysFor(signed)))
    return undefined
  }

  /** What an earlier run left: on its way, or never sent. */
  function resume(): void {
    for (const { request, state, leftAtMs } of known.values()) {
      const decoded = decodeMessage(transactorRequestSchema, request)
      if (state.status !== 'waiting' || !decoded.ok) continue
      const signed = read(decoded.value)
      waitFor(state.id)
      if (isSponsored(signed)) sponsoredWaiting++
      runner.add(jobOf(state.id, request, signed, paysFor(signed), leftAtMs))
    }
  }
  resume()

  return {
    async carry(encoded, address) {
      const decoded = decodeMessage(transactorRequestSchema, encoded)
      if (!decoded.ok) return refuse({ code: 'request-malformed' })
      const id = toHex(crypto.keccak256(encoded))
      if (answerTo(id) === undefined) {
        if (!addresses.take(address, now())) return refuse({ code: 'address-quota' })
        const signed = read(decoded.value)
        const refusal = (await check(signed, address)) ?? takeOver(id, encoded, signed)
        if (refusal !== undefined) return refuse(refusal)
      }
      return accept(await endOf(id))
    },
    stateOf: answerTo,
    hurry: () => hurry.abort(),
    counts: () => counts,
  }
}

const dayHours = 24

function sponsorsOf(sponsor: CarrierOptions['sponsor']): Buckets {
  const most = sponsor?.perAddressPerDay ?? 0
  return createBuckets({ burst: most, perHour: most / dayHours })
}
