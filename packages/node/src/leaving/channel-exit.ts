/**
 * Brings a channel's money home: at once where the accountant co-signs, after the contract's delay where it does not.
 *
 * What is promised and not yet collected stays: it is the accountant's. The exit is durable before anybody is asked to sign or
 * carry it, and asked for again after a crash; the chain says what became of it.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { AccountantClient, Clock, NodeKeys } from '@myst/billing'
import { type ChainClient, type ChannelAt, readChannel, readNonce, typedCall } from '@myst/chain'
import { consumerChannelAbi, registryAbi } from '@myst/contracts'
import {
  type Address,
  address,
  bytesToUint,
  type Crypto,
  channelAddress,
  type ExitRequest,
  exitRequestStruct,
  type FastExitTerms,
  Fault,
  fastExitSchema,
  fastExitStruct,
  field,
  flag,
  hashTypedData,
  maxOf,
  message,
  minOf,
  type NetworkProfile,
  optional,
  signature,
  type TransactorRequest,
  uint,
  type ValueOfSchema,
  zeroAddress,
} from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import type { OwnWallet } from '../own-wallet.ts'
import { requireFairFee } from '../settlement/settle-request.ts'
import type { TransactorClient } from '../transactor-client.ts'
import { withAny } from '../transactors.ts'
import { type Errand, isDear } from './errand.ts'
import { openWithdrawalKeys } from './withdrawal-keys.ts'

const recordSchema = message({
  /** Zero: the registered beneficiary. */
  beneficiary: field(0, address),
  /** Zero: all there is. */
  amount: field(1, uint(256)),
  startedMs: field(2, uint(53)),
  exit: optional(3, fastExitSchema),
  /** The operator's. */
  signature: optional(4, signature),
  /** Something of it may have left: it was signed and handed to a transactor, or an exit of the contract's runs. */
  isHandedOn: optional(5, flag),
})
type ExitRecord = ValueOfSchema<typeof recordSchema>
const exitTable = table('channel-exits', recordSchema)

export interface ChannelExit {
  /** What leaves, and can't be promised any more. */
  readonly reserved: bigint
  readonly isWished: boolean
  /**
   * Durable when it returns. The same wish again is one wish while it is under way; with its key, for good.
   *
   * @param amount zero: all there is.
   * @param key of who asks, and may ask again.
   * @returns `over`: this key's has been done.
   * @throws Fault `idempotency-key-reused` where the key was another wish's.
   */
  wish(beneficiary: Address, amount: bigint, key?: string): 'new' | 'known' | 'over'
  /** Takes the wish back; what the chain has been told goes on. */
  forget(): void
  /** The next step. @throws Fault of whoever was asked. */
  step(): Promise<Errand>
}

export interface ChannelExitDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly client: ChainClient
  readonly wallet: OwnWallet
  readonly transactors: readonly TransactorClient[]
  readonly accountant: Pick<AccountantClient, 'fastExit' | 'consumerStanding'>
  /** Promised on this channel so far. */
  readonly promised: () => bigint
  readonly log: (line: string) => void
}

/** An accountant co-signs an hour ahead at most, and less where a network's exits are quick. */
const lifetimeS = 1800n
/** A co-signed exit that is good for less is not handed to a transactor any more. */
const leastLeftS = 120n
/** So long an accountant may be away, or lose its way, before the exit takes the slow road. */
const defaultSlowAfterMs = 300_000

export function createChannelExit(
  deps: ChannelExitDeps,
  {
    keys,
    profile,
    accountant,
    slowAfterMs = defaultSlowAfterMs,
  }: {
    readonly keys: NodeKeys
    readonly profile: NetworkProfile
    readonly accountant: Address
    readonly slowAfterMs?: number
  },
): ChannelExit {
  const { crypto, clock, store, client, wallet, transactors, log } = deps
  const { chainId, contracts, deployedAtBlock } = profile
  const { identity, privateKey } = keys
  const channel = channelAddress(crypto, contracts, identity, accountant)
  const domain = { chainId, verifyingContract: channel }
  let record = exitTable.load(store).get(accountant)
  const withdrawals = openWithdrawalKeys(store, accountant)
  let failingSinceMs: number | undefined
  let held = 0n

  function keep(next: ExitRecord): void {
    store.commit([exitTable.put(accountant, next)])
    record = next
  }

  function end(): void {
    if (record === undefined) return
    withdrawals.end(record.isHandedOn === true, [exitTable.remove(accountant)])
    record = undefined
  }

  function handOn(): void {
    if (record !== undefined && record.isHandedOn !== true) keep({ ...record, isHandedOn: true })
  }

  async function look(): Promise<{ readonly now: ChannelAt; readonly timestampS: bigint }> {
    const place = { ...contracts, identity, channel, depth: profile.confirmationDepth, deployedAtBlock }
    const { head, headTimestampS } = await readChannel(client, place)
    return { now: head, timestampS: headTimestampS }
  }

  const errand = (state: Errand['state'], amount: bigint, more: Partial<Errand> = {}): Errand => ({
    kind: 'channel',
    accountant,
    state,
    amount,
    ...more,
  })

  async function step(): Promise<Errand> {
    const { now, timestampS } = await look()
    const owed = maxOf(0n, maxOf(deps.promised(), now.held) - now.settled)
    const mine = maxOf(0n, now.balance - owed)
    if (record === undefined || mine === 0n) {
      end()
      return errand('done', 0n)
    }
    const wished = record.amount === 0n ? mine : minOf(record.amount, mine)
    // From here on nothing of it is promised to anybody.
    held = wished
    if (now.exitAtS > 0n) {
      handOn()
      return finalize(now, timestampS, mine)
    }
    try {
      if (!now.deployed) return await open(wished)
      return await leaveFast(record, wished, timestampS)
    } catch (fault) {
      if (fault instanceof Fault && isDear(fault)) {
        end()
        return errand('left', mine, { problem: fault })
      }
      throw fault
    }
  }

  /** Whoever never registered has money at an address without a contract: anybody may open it, for the gas. */
  async function open(amount: bigint): Promise<Errand> {
    try {
      const args = [identity, accountant] as const
      const call = typedCall({ to: contracts.registry, abi: registryAbi, name: 'openChannel', args })
      return errand('working', amount, { hash: await wallet.send(call) })
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.code !== 'gas-missing') throw cause
      throw new Fault('channel-not-open', { channel, address: wallet.address, missing: cause.facts.missing }, { cause })
    }
  }

  async function finalize(now: ChannelAt, timestampS: bigint, mine: bigint): Promise<Errand> {
    const dueAtMs = Number(now.exitAtS) * 1000
    if (timestampS < now.exitAtS) return errand('waiting', mine, { dueAtMs })
    const call = typedCall({ to: channel, abi: consumerChannelAbi, name: 'finalizeExit', args: [] })
    try {
      return errand('working', mine, { hash: await wallet.send(call) })
    } catch (fault) {
      // A transactor that is to be paid out of it sends it too.
      if (fault instanceof Fault && fault.code === 'gas-missing')
        return errand('waiting', mine, { dueAtMs, problem: fault })
      throw fault
    }
  }

  async function leaveFast(wish: ExitRecord, amount: bigint, timestampS: bigint): Promise<Errand> {
    if (wish.exit !== undefined && (await wasUsed(wish.exit))) return gone(wish.exit.amount, undefined)
    const known = wish.exit !== undefined && wish.exit.deadline > timestampS + leastLeftS
    try {
      const { exit, signature } =
        known && wish.exit !== undefined && wish.signature !== undefined
          ? { exit: wish.exit, signature: wish.signature }
          : await cosigned(wish, known ? wish.exit : undefined, amount, timestampS)
      failingSinceMs = undefined
      return await carry(exit, signature)
    } catch (fault) {
      if (!(fault instanceof Fault) || !isAccountantAway(fault)) throw fault
      failingSinceMs ??= clock.elapsedMs()
      if (clock.elapsedMs() - failingSinceMs < slowAfterMs) throw fault
      log(`${fault.message}; the channel's money takes the slow road`)
      return leaveSlowly(wish, amount)
    }
  }

  /** The same exit may be asked for again and again, until its deadline. */
  async function cosigned(wish: ExitRecord, known: FastExitTerms | undefined, amount: bigint, timestampS: bigint) {
    const exit = known ?? (await termsOf(wish, amount, timestampS + lifetimeS))
    keep({ ...wish, exit })
    const reply = await deps.accountant.fastExit(exit)
    if (reply.kind === 'signed') {
      keep({ ...wish, exit, signature: reply.signature })
      return { exit, signature: reply.signature }
    }
    keep(bare(wish))
    if (reply.code === 'fast-exit-open') {
      // Of another run of ours, whose disk was lost: it is as good, if it goes where we want and has not gone.
      const { fastExit } = await deps.accountant.consumerStanding()
      if (fastExit?.exit.beneficiary === wish.beneficiary && !(await wasUsed(fastExit.exit))) {
        keep({ ...wish, ...fastExit })
        return fastExit
      }
    }
    const { available = 0n, latestDeadline } = reply
    const less =
      reply.code === 'fast-exit-over-capacity' && available > 0n && available < amount
        ? await termsOf(wish, available, exit.deadline)
        : latestDeadline !== undefined && latestDeadline > timestampS
          ? { ...exit, deadline: latestDeadline }
          : undefined
    if (less === undefined) throw new Fault('fast-exit-refused', { accountant, code: reply.code, available })
    keep({ ...wish, exit: less })
    const again = await deps.accountant.fastExit(less)
    if (again.kind === 'refused') throw new Fault('fast-exit-refused', { accountant, code: again.code, available })
    keep({ ...wish, exit: less, signature: again.signature })
    return { exit: less, signature: again.signature }
  }

  const termsOf = ({ beneficiary }: ExitRecord, amount: bigint, deadline: bigint): Promise<FastExitTerms> =>
    withAny(transactors, log, async ({ quote }) => {
      const { transactor, fee } = await quote('fast-exit')
      if (fee > 0n) requireFairFee(fee, amount)
      return { amount, beneficiary, transactor, fee, nonce: randomNonce(), deadline }
    })

  async function carry(exit: FastExitTerms, operatorSignature: Uint8Array): Promise<Errand> {
    const signed = crypto.sign(hashTypedData(crypto, domain, fastExitStruct, exit), privateKey)
    const request = { kind: 'fast-exit', identity, accountant, exit, signature: signed, operatorSignature } as const
    const able =
      exit.transactor === zeroAddress ? [wallet.transactor] : transactors.filter(({ name }) => name !== 'wallet')
    handOn()
    const { status, code, hash } = await withAny(able, log, (transactor) => transactor.carry(request))
    if (status === 'refused') {
      // By one that came after another who did it: the next step finds it gone.
      if (await wasUsed(exit)) return errand('working', exit.amount)
      // Another key of the operator's, or less money than there was: a new one is signed.
      if (record !== undefined) keep(bare(record))
      throw new Fault('exit-refused', { accountant, code })
    }
    return status === 'mined' ? gone(exit.amount, hash) : errand('working', exit.amount)
  }

  /** A sum that was named has left; all there is may grow by what comes in meanwhile. */
  function gone(amount: bigint, hash: Errand['hash']): Errand {
    const isNamed = record === undefined || record.amount > 0n
    if (isNamed || record === undefined) end()
    else keep(bare(record))
    return errand(isNamed ? 'done' : 'working', isNamed ? 0n : amount, hash === undefined ? {} : { hash })
  }

  /** Carried in an earlier run, or by somebody else. */
  async function wasUsed({ nonce }: FastExitTerms): Promise<boolean> {
    return (await readNonce(client, { channel, signer: identity, nonce, depth: 1 })).isUsed
  }

  function leaveSlowly({ beneficiary }: ExitRecord, amount: bigint): Promise<Errand> {
    return withAny(transactors, log, async (transactor) => {
      const { transactor: payee, fee } = await transactor.quote('exit')
      if (fee > 0n) requireFairFee(fee, amount)
      const deadline = BigInt(Math.trunc(clock.nowMs() / 1000)) + lifetimeS
      const exit: ExitRequest = { beneficiary, transactor: payee, fee, nonce: randomNonce(), deadline }
      const signed = crypto.sign(hashTypedData(crypto, domain, exitRequestStruct, exit), privateKey)
      const request = { kind: 'exit', identity, accountant, exit, signature: signed } satisfies TransactorRequest
      handOn()
      const { status, code, hash } = await transactor.carry(request)
      if (status === 'refused') throw new Fault('exit-refused', { accountant, code })
      return errand('working', amount, hash === undefined ? {} : { hash })
    })
  }

  return {
    get reserved() {
      return maxOf(held, record?.exit?.amount ?? 0n)
    },
    get isWished() {
      return record !== undefined
    },
    wish(beneficiary, amount, key) {
      const wish = { beneficiary, amount, startedMs: BigInt(clock.nowMs()) }
      const state = key === undefined ? 'new' : withdrawals.stateOf(key, wish)
      if (state === 'over') return 'over'
      // An exit that is signed stays with its wish: without it another would be signed beside it.
      const isKnown = record?.beneficiary === beneficiary && record.amount === amount
      if (!isKnown) end()
      const writes = isKnown ? [] : [exitTable.put(accountant, wish)]
      if (key !== undefined && state === 'new') withdrawals.add(key, { ...wish, askedMs: wish.startedMs }, writes)
      else store.commit(writes)
      if (!isKnown) record = wish
      return isKnown ? 'known' : 'new'
    },
    forget: end,
    async step() {
      try {
        return await step()
      } finally {
        held = 0n
      }
    },
  }
}

/** The wish, without an exit. */
const bare = ({ exit: _exit, signature: _signature, ...wish }: ExitRecord): ExitRecord => wish

const randomNonce = (): bigint => bytesToUint(new Uint8Array(randomBytes(32)))

/** Time may mend it, or not: an accountant that is gone, or will not sign, must not keep anybody's money for ever. */
const isAccountantAway = ({ code }: Fault): boolean =>
  code === 'accountant-unreachable' || code === 'accountant-refused' || code === 'fast-exit-refused'
