/**
 * Recovery at the edge: notices that the ledger lacks what was answered, takes answers back from providers, and ends by the
 * clock. What follows from it is the ledger's.
 *
 * @module
 */

import {
  type Address,
  accountantPromiseStruct,
  type BatchAnswer,
  batchAnswerContent,
  batchContent,
  type ChannelFactory,
  type Crypto,
  channelAddress,
  type Domain,
  decodeMessage,
  Fault,
  hashTypedData,
  maxBatchBytes,
  openContent,
  type RecoverRefusal,
  type RecoverReply,
  type RecoverRequest,
  type SignedAccountantPromise,
  type SignedContent,
} from '@myst/protocol'
import {
  type AdoptResult,
  type BeginRecoveryCommand,
  highestShown,
  isRecovering,
  type Ledger,
  recoveryKey,
  refusedOffer,
} from './ledger/index.ts'
import type { SignaturePool } from './signatures/pool.ts'

export interface RecoveryService {
  readonly status: RecoveryStatus
  /** A marked backup was opened, or the operator says that these are not the newest records. Durable when it resolves. */
  begin(reason: 'backup' | 'operator'): Promise<void>
  /** @param signer who signed the request. */
  recover(signer: Address, request: RecoverRequest): Promise<RecoverReply>
  /** The chain shows that this much of a promise of ours was settled, with its preimage where it is known. */
  settled(provider: Address, amount: bigint, preimage?: Uint8Array): Promise<void>
  close(): void
}

export interface RecoveryStatus {
  /** Nothing is credited from channels now. */
  readonly recovering: boolean
  /** Ms since 1970; absent where there was no recovery. */
  readonly recoveryStartedAtMs?: number
  readonly recoveryEndsAtMs?: number
  /** Promised to providers for consumers' promises that nobody offered: at risk. */
  readonly unknown: bigint
}

export interface RecoveryDeps {
  readonly crypto: Crypto
  readonly ledger: Ledger
  readonly findSigners: SignaturePool['findSigners']
  readonly now: () => number
  readonly log: (line: string) => void
}

export interface RecoveryOptions {
  readonly chainId: bigint
  readonly accountant: Address
  readonly operator: Address
  readonly contracts: ChannelFactory
  /** Till channels are drawn on again; what providers did not offer by then may be credited a second time. */
  readonly recoveryMs: number
}

/** Providers look after their accountant each hour. */
export const defaultRecoveryMs = 86_400_000
/** A recovery lasts a day; that it is over is seen so late. */
const everyMs = 1_000

export function createRecoveryService(deps: RecoveryDeps, options: RecoveryOptions): RecoveryService {
  const { crypto, ledger, now, log } = deps
  const { chainId, accountant, operator } = options
  const domain: Domain = { chainId, verifyingContract: accountant }
  /** What settlements showed of locks that the ledger lacks; each provider's newest. In recovery only. */
  const shown = new Map<Address, Uint8Array>()

  async function begin(command: Omit<BeginRecoveryCommand, 'atMs'>): Promise<void> {
    const begun = await ledger.apply({ kind: 'begin-recovery', atMs: BigInt(now()), ...command })
    const { provider, amount } = command.shown ?? {}
    const known = provider === undefined ? undefined : (ledger.get('providers', provider)?.promise.amount ?? 0n)
    if (begun || provider !== undefined) {
      log(new Fault('ledger-behind', { reason: command.reason, recovery: begun, provider, amount, known }).message)
    }
  }

  const channelOf = (consumer: Address) => channelAddress(crypto, options.contracts, consumer, accountant)

  const newestEpochOf = (provider: Address) => {
    const epoch = ledger.get('providers', provider)?.promise.epoch
    return epoch === undefined ? {} : { newestEpoch: epoch }
  }

  function isOurs({ provider, amount, hashlock, signature }: SignedAccountantPromise): boolean {
    const hash = hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock })
    return crypto.recover(hash, signature) === operator
  }

  /** Before anything is adopted: a promise that we signed and do not know. */
  async function noteNewer({ provider, epoch }: SignedAccountantPromise): Promise<void> {
    const known = ledger.get('providers', provider)?.promise.epoch
    if (known === undefined || epoch > known) await begin({ reason: 'provider' })
  }

  async function adoptBatch(
    provider: Address,
    request: Exclude<RecoverRequest, { kind: 'newest' }>,
  ): Promise<AdoptResult> {
    const batch = decodeMessage(batchContent.schema, request.batch.content, maxBatchBytes)
    if (!batch.ok) return malformed(batch.refusal)
    if (batch.value.provider !== provider) return refusedOffer({ code: 'recovery-wrong-provider', provider })
    const opened = openAnswer(request.answer)
    if ('kind' in opened) return opened
    const { digest, isSignedByProvider, signed } = await deps.findSigners(request.batch, true)
    if (!isSignedByProvider) return refusedOffer({ code: 'recovery-wrong-signer', provider })
    await noteNewer(opened.promise)
    const { knownPreimage } = request.kind === 'batch-after-hole' ? request : {}
    return ledger.apply({
      kind: 'adopt',
      batch: batch.value,
      answered: opened,
      content: request.batch.content,
      digest,
      answer: request.answer,
      facts: batch.value.items.map(({ consumer }, index) => ({
        channel: channelOf(consumer),
        ...(signed[index] === 1 ? { signer: consumer } : {}),
      })),
      afterHole: request.kind === 'batch-after-hole',
      ...(knownPreimage === undefined ? {} : { knownPreimage }),
    })
  }

  function openAnswer(answer: SignedContent): BatchAnswer | AdoptResult {
    const opened = openContent(crypto, domain, batchAnswerContent, answer, operator)
    if (!opened.ok) {
      const isSigned = opened.refusal.code !== 'content-wrong-signer'
      return isSigned ? malformed(opened.refusal) : refusedOffer({ code: 'recovery-wrong-operator' })
    }
    return isOurs(opened.value.promise) ? opened.value : refusedOffer({ code: 'recovery-wrong-operator' })
  }

  async function adoptNewest(
    provider: Address,
    { promise, knownPreimage, credited }: Extract<RecoverRequest, { kind: 'newest' }>,
  ): Promise<AdoptResult> {
    if (promise.provider !== provider) return refusedOffer({ code: 'recovery-wrong-provider', provider })
    if (!isOurs(promise)) return refusedOffer({ code: 'recovery-wrong-operator' })
    await noteNewer(promise)
    const totals = credited.map(({ consumer, id, total }) => {
      return { channel: channelOf(consumer), id, total }
    })
    const preimage = knownPreimage === undefined ? {} : { knownPreimage }
    return ledger.apply({ kind: 'adopt-newest', promise, ...preimage, credited: totals })
  }

  async function adopt(provider: Address, request: RecoverRequest): Promise<AdoptResult> {
    try {
      return request.kind === 'newest' ? await adoptNewest(provider, request) : await adoptBatch(provider, request)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      log(`recover: ${fault.message}`)
      return refusedOffer({ code: 'accountant-unavailable' })
    }
  }

  const timer = setInterval(() => void end(), everyMs)
  timer.unref()
  async function end(): Promise<void> {
    const recovery = ledger.get('recovery', recoveryKey)
    if (recovery === undefined || recovery.ended || now() < endsAtMs(recovery.startedAtMs)) return
    try {
      const ended = await ledger.apply({
        kind: 'end-recovery',
        atMs: BigInt(now()),
        recoveryMs: options.recoveryMs,
      })
      if (!ended) return
      shown.clear()
      log(`recovery-ended unknown=${status().unknown}`)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
    }
  }
  const endsAtMs = (startedAtMs: bigint) => Number(startedAtMs) + options.recoveryMs

  function status(): RecoveryStatus {
    const recovery = ledger.get('recovery', recoveryKey)
    let unknown = 0n
    for (const [, loss] of ledger.entries('losses')) unknown += loss.unknown
    return {
      recovering: isRecovering(ledger),
      unknown,
      ...(recovery === undefined
        ? {}
        : {
            recoveryStartedAtMs: Number(recovery.startedAtMs),
            recoveryEndsAtMs: endsAtMs(recovery.startedAtMs),
          }),
    }
  }

  return {
    get status() {
      return status()
    },
    begin: (reason) => begin({ reason }),
    async recover(provider, request) {
      const before = ledger.get('losses', provider)?.unknown ?? 0n
      const result = await adopt(provider, request)
      if (result.kind === 'refused') {
        return { kind: 'refused', code: result.refusal.code, ...newestEpochOf(provider) }
      }
      if (result.kind === 'adopted' && result.unknown > before) {
        log(new Fault('recovery-unknown', { provider, amount: result.unknown - before }).message)
      }
      const preimage = shown.get(provider)
      if (preimage !== undefined) await ledger.apply({ kind: 'reveal', provider, preimage })
      return { kind: result.kind, ...newestEpochOf(provider) }
    },
    async settled(provider, amount, preimage) {
      if (amount > highestShown(ledger, provider)) await begin({ reason: 'chain', shown: { provider, amount } })
      if (preimage !== undefined && isRecovering(ledger)) shown.set(provider, preimage)
    },
    close: () => clearInterval(timer),
  }
}

/** For people. */
export function recoveryText({ recovering, recoveryStartedAtMs: from, recoveryEndsAtMs: to, unknown }: RecoveryStatus) {
  return {
    recovering,
    unknownCredit: unknown.toString(),
    ...(from === undefined || to === undefined
      ? {}
      : { recoveryStartedAt: new Date(from).toISOString(), recoveryEndsAt: new Date(to).toISOString() }),
  }
}

function malformed(refusal: { readonly code: string }): AdoptResult {
  const why: RecoverRefusal = { code: 'recovery-malformed', why: refusal.code }
  return refusedOffer(why)
}
