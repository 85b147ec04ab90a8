/**
 * Leaving: all money home, from wherever the network holds it. To be run before an uninstall.
 *
 * What is still to do follows from the chain, so it is done as often as you like, and goes on after a crash. Durable is only
 * that somebody wants to leave, and where to.
 *
 * @module
 */

import { type Clock, createRetrySpread, type NodeKeys } from '@myst/billing'
import { type ChainClient, reach, typedCall } from '@myst/chain'
import { mystTokenAbi } from '@myst/contracts'
import { type Address, address, Fault, field, message, type NetworkProfile, uint, zeroAddress } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import type { OwnWallet } from '../own-wallet.ts'
import type { Settler } from '../settlement/settler.ts'
import type { ChannelExit } from './channel-exit.ts'
import { type Errand, isDear, isOver } from './errand.ts'

export interface Leaving {
  /** Somebody wants to leave: nothing new is begun. */
  readonly isWished: boolean
  /** As of the last step. */
  readonly errands: readonly Errand[]
  /** Everything is home, but for what is not worth its fee. */
  readonly isOver: boolean
  /** Durable when it resolves, and one step further. @param to as before where absent; at first the registered beneficiary. */
  begin(to?: Address): Promise<void>
  /** The node stays; what the chain has been told goes on. */
  cancel(): void
  /**
   * Sends the channel's money home, and stays. What fails is `stuck`: it is wished, and goes on.
   *
   * @param key asked again with it, the same money leaves once.
   */
  withdraw(to: Address, amount: bigint, key?: string): Promise<Errand>
  close(): Promise<void>
}

export interface LeavingDeps {
  readonly clock: Clock
  readonly store: RecordStore
  readonly client: ChainClient
  readonly wallet: OwnWallet
  readonly settler: Settler
  /** One for each accountant of the network; the first is where we pay from. */
  readonly channels: ReadonlyMap<Address, ChannelExit>
  readonly stepStake: (accountant: Address) => Promise<Errand>
  /** Ends sessions and services, and asks accountants for what is pending. Again and again does no harm. */
  readonly endBusiness: () => Promise<void>
  readonly onChange: () => void
  readonly log: (line: string) => void
}

const leaveTable = table('leaving', message({ to: field(0, address), startedMs: field(1, uint(53)) }))
const key = 'leaving'

/** Whether a step is due; the chain is asked in steps only. */
const everyMs = 250
/** A delay of days is looked at so often; what was just sent, sooner. */
const stepMs = { working: 1_000, waiting: 10_000, over: 60_000 } as const

export function createLeaving(
  deps: LeavingDeps,
  { keys, profile }: { readonly keys: NodeKeys; readonly profile: NetworkProfile },
): Leaving {
  const { clock, store, client, wallet, settler, channels, log } = deps
  let record = leaveTable.load(store).get(key)
  let errands: readonly Errand[] = []
  let dueMs = clock.elapsedMs()
  let stepping: Promise<void> | undefined
  let closed = false
  const retry = createRetrySpread(Math.random)

  /** What fails is tried again; the rest goes on. */
  async function attempt(of: Pick<Errand, 'kind' | 'accountant'>, work: () => Promise<Errand>): Promise<Errand> {
    try {
      return await work()
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      const before = errands.find(({ kind, accountant }) => kind === of.kind && accountant === of.accountant)
      if (before?.problem?.message !== fault.message) log(`leaving: ${fault.message}`)
      return { ...of, state: 'stuck', amount: before?.amount ?? 0n, problem: fault }
    }
  }

  async function stepEarnings(accountant: Address, to: Address): Promise<Errand> {
    const at = () => settler.earnings().find((one) => one.accountant === accountant)
    const errand = { kind: 'earnings', accountant } as const
    const pending = at()
    if (pending === undefined || pending.unsettled + pending.uncredited + pending.settling === 0n) {
      return { ...errand, state: 'done', amount: 0n }
    }
    const amount = pending.unsettled + pending.uncredited
    try {
      const { settled, refused } = await settler.settle({
        accountant,
        ...(to === zeroAddress ? {} : { beneficiary: to }),
      })
      if (refused[0] !== undefined) throw refused[0].fault
      const hash = settled[0]?.hash
      return { ...errand, state: 'working', amount, ...(hash === undefined ? {} : { hash }) }
    } catch (fault) {
      if (fault instanceof Fault && isDear(fault)) return { ...errand, state: 'left', amount, problem: fault }
      if (!(fault instanceof Fault) || fault.code !== 'nothing-to-settle') throw fault
      // What consumers promised waits for the accountant.
      const left = at()
      if (left === undefined || left.uncredited === 0n) return { ...errand, state: 'done', amount: 0n }
      return {
        ...errand,
        state: 'stuck',
        amount: left.uncredited,
        problem: new Fault('not-credited-yet', { accountant }),
      }
    }
  }

  /** What earlier settlements brought to the identity itself can go on to who is named, for gas. */
  async function stepWallet(to: Address): Promise<Errand> {
    const { token } = profile.contracts
    const args = [keys.identity] as const
    const amount = await reach(client.rpcUrl, () =>
      client.rpc.readContract({ address: token, abi: mystTokenAbi, functionName: 'balanceOf', args }),
    )
    if (amount === 0n) return { kind: 'wallet', state: 'done', amount }
    if (to === zeroAddress || to === keys.identity) return { kind: 'wallet', state: 'left', amount }
    const call = typedCall({ to: token, abi: mystTokenAbi, name: 'transfer', args: [to, amount] })
    return { kind: 'wallet', state: 'working', amount, hash: await wallet.send(call) }
  }

  async function stepAll(to: Address): Promise<void> {
    await deps.endBusiness()
    await settler.look(0)
    const accountants = [...new Set([...channels.keys(), ...settler.earnings().map(({ accountant }) => accountant)])]
    const each = await Promise.all(
      accountants.map(async (accountant) => {
        const earnings = await attempt({ kind: 'earnings', accountant }, () => stepEarnings(accountant, to))
        const channel = channels.get(accountant)
        if (channel?.isWished === false) channel.wish(to, 0n)
        const exit = channel && (await attempt({ kind: 'channel', accountant }, () => channel.step()))
        // A stake answers for what is unsettled: it goes last.
        const stake = isOver(earnings)
          ? [await attempt({ kind: 'stake', accountant }, () => deps.stepStake(accountant))]
          : []
        return [earnings, ...(exit === undefined ? [] : [exit]), ...stake]
      }),
    )
    const paid = each.flat()
    const own = paid.every(isOver) ? [await attempt({ kind: 'wallet' }, () => stepWallet(to))] : []
    errands = [...paid, ...own]
  }

  function step(): Promise<void> {
    stepping ??= (async () => {
      const to = record?.to
      if (to === undefined) return
      try {
        await stepAll(to)
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        log(`leaving: ${fault.message}`)
      }
      dueMs = clock.elapsedMs() + waitMs()
      deps.onChange()
    })().finally(() => {
      stepping = undefined
    })
    return stepping
  }

  function waitMs(): number {
    if (errands.length === 0 || errands.some(({ state }) => state === 'stuck')) return retry.failed()
    retry.worked()
    if (errands.some(({ state }) => state === 'working')) return stepMs.working
    return errands.every(isOver) ? stepMs.over : stepMs.waiting
  }

  /** A withdrawal that a crash or an accountant held up. */
  async function stepWithdrawals(): Promise<void> {
    for (const [accountant, channel] of channels) {
      if (!channel.isWished) continue
      const errand = await attempt({ kind: 'channel', accountant }, () => channel.step())
      errands = isOver(errand) ? [] : [errand]
      dueMs = clock.elapsedMs() + waitMs()
      deps.onChange()
    }
  }

  let withdrawing: Promise<unknown> | undefined
  /** One step of a withdrawal at a time: one that was overtaken would bring back a wish that is done. */
  async function alone<T>(work: () => Promise<T>): Promise<T> {
    while (withdrawing !== undefined) await withdrawing.catch(() => {})
    const mine = work()
    withdrawing = mine
    return mine.finally(() => {
      withdrawing = undefined
    })
  }

  async function withdraw(to: Address, amount: bigint, key?: string): Promise<Errand> {
    const [[accountant, channel] = []] = channels
    if (channel === undefined || accountant === undefined) throw new Fault('nothing-to-withdraw')
    const of = { kind: 'channel', accountant } as const
    const wish = channel.wish(to, amount, key)
    if (wish === 'over') return { ...of, state: 'done', amount: 0n }
    const errand = await attempt(of, () => channel.step())
    if (wish === 'new' && errand.state === 'done' && errand.hash === undefined) throw new Fault('nothing-to-withdraw')
    errands = isOver(errand) ? [] : [errand]
    deps.onChange()
    return errand.state === 'stuck' ? { ...errand, amount } : errand
  }

  const timer = setInterval(() => {
    if (closed || stepping !== undefined || withdrawing !== undefined || clock.elapsedMs() < dueMs) return
    const failed = (cause: unknown) => log(`leaving failed: ${cause instanceof Error ? cause.message : cause}`)
    if (record !== undefined) return void step().catch(failed)
    if (![...channels.values()].some(({ isWished }) => isWished)) return
    void alone(stepWithdrawals).catch(failed)
  }, everyMs)

  return {
    get isWished() {
      return record !== undefined
    },
    get errands() {
      return errands
    },
    get isOver() {
      return errands.some(({ kind }) => kind === 'wallet') && errands.every(isOver)
    },
    async begin(wanted) {
      await stepping?.catch(() => {})
      await withdrawing?.catch(() => {})
      const to = wanted ?? record?.to ?? zeroAddress
      if (record?.to !== to) {
        const wish = { to, startedMs: BigInt(clock.nowMs()) }
        store.commit([leaveTable.put(key, wish)])
        record = wish
        for (const channel of channels.values()) channel.wish(to, 0n)
      }
      await step()
    },
    cancel() {
      store.commit([leaveTable.remove(key)])
      record = undefined
      errands = []
      for (const channel of channels.values()) channel.forget()
      deps.onChange()
    },
    withdraw: (to, amount, key) => alone(() => withdraw(to, amount, key)),
    async close() {
      closed = true
      clearInterval(timer)
      await Promise.all([stepping?.catch(() => {}), withdrawing?.catch(() => {})])
    },
  }
}
