/**
 * The judgement after healing: what everybody has, and what everybody lost, in exact integers.
 *
 * @module
 */

import { totalsKey } from '@myst/accountant/parts'
import { ceilDivide, maxOf, totalCost } from '@myst/protocol'
import { capacityAt } from './chain-doors.ts'
import type { Cast } from './run.ts'
import type { Story } from './story.ts'
import type { World } from './world.ts'
import { channelOf } from './world.ts'

/**
 * One row for each line of `payments.md` §11 that a run can reach; base units. Where a provider was set back to an old
 * backup, `providerNeverPaying` and `providerToAccountant` are of one of its states, on average.
 */
export interface Losses {
  readonly consumerPerSession: bigint
  readonly consumerPerRestore: bigint
  readonly providerPerConsumer: bigint
  readonly providerNeverPaying: bigint
  readonly providerToAccountant: bigint
  readonly accountant: bigint
}
export type LossLine = keyof Losses

export const noLosses: Losses = {
  consumerPerSession: 0n,
  consumerPerRestore: 0n,
  providerPerConsumer: 0n,
  providerNeverPaying: 0n,
  providerToAccountant: 0n,
  accountant: 0n,
}

export function boundsOf(world: Pick<World, 'policy' | 'price' | 'time'>, story: Story): Losses {
  const { policy, price } = world
  const leeway = totalCost(price, { durationMs: 0n, bytes: 20n << 20n })
  // Counters are looked at now and then: what flows between two looks comes on top.
  const betweenLooks = totalCost(price, {
    durationMs: BigInt(story.leastTimerMs),
    bytes: BigInt(Math.ceil((story.bytesPerSecond * Math.max(200, story.leastTimerMs)) / 1000)),
  })
  const crowd = BigInt(story.consumers.length)
  const grants = policy.firstCreditLimits.perDay / policy.firstCredit
  return {
    consumerPerSession: maxOf(policy.pace.maxInvoiceAmount, leeway),
    consumerPerRestore: policy.restoreJump,
    providerPerConsumer: 2n * policy.maxCredit + betweenLooks,
    // A grant is for the credit, and service ends at twice the credit.
    providerNeverPaying: 2n * policy.firstCreditLimits.perDay + (grants + crowd) * betweenLooks,
    // What is credited it can settle here, at any time: so no more than this is at stake.
    // What was served before the limits bit is still promised after: each session's credit. An honest accountant takes nothing.
    providerToAccountant:
      story.lie === undefined ? 0n : policy.exposureLimit + policy.unprovedRefusals + crowd * 2n * policy.firstCredit,
    accountant: 0n,
  }
}

export function judge(world: World, story: Story, cast: Cast & { readonly float: bigint }): Losses {
  const bounds = boundsOf(world, story)
  const losses = {
    consumerPerSession: world.oracle.worstOverpaid,
    consumerPerRestore: skipped(world, cast),
    ...providerLosses(world, cast),
    accountant: accountantLoss(world, cast),
  }
  // P4 is checked at each promise, with its 2 %.
  const { consumerPerSession: _, ...judged } = losses
  for (const [line, loss] of Object.entries(judged) as [LossLine, bigint][]) {
    const bound = bounds[line]
    if (loss > bound) world.oracle.violate('§11', `${line}: lost ${loss}, at most ${bound}`)
  }
  if (cast.accountant.honest) checkBooks(world, cast)
  return losses
}

/** Paid out less what came in: its own float pays for nothing. */
function accountantLoss({ chain }: World, { accountant, float }: Cast & { readonly float: bigint }): bigint {
  const { pool, short } = chain.head.state
  return accountant.honest ? maxOf(0n, float - pool + short) : 0n
}

/** Of one restore, on average. */
function skipped({ oracle }: World, { consumers }: Cast): bigint {
  return consumers
    .filter(({ honest, identity }) => honest && oracle.isRestored(identity))
    .map(({ identity }) => oracle.skippedBy(identity) / BigInt(oracle.restoresOf(identity)))
    .reduce(maxOf, 0n)
}

function providerLosses(world: World, { accountant, providers, consumers }: Cast) {
  const { oracle, price, chain } = world
  let providerPerConsumer = 0n
  let providerNeverPaying = 0n
  let providerToAccountant = 0n
  for (const provider of providers.filter(({ honest }) => honest)) {
    // An old backup has forgotten whom it granted credit to, and what it had not exchanged: another day's bucket, another
    // exposure. So its loss is shared out over its states.
    const states = BigInt(1 + oracle.restoresOf(provider.identity))
    const inOneState = (loss: bigint) => ceilDivide(loss, states)
    let neverPaid = 0n
    let promised = 0n
    for (const consumer of consumers) {
      const served = oracle.sessions
        .filter((session) => session.provider === provider.name && session.consumer === consumer.name)
        .reduce((sum, { meter }) => sum + (meter === undefined ? 0n : totalCost(price, meter.usage())), 0n)
      let paid = 0n
      for (const [key, total] of oracle.totalsOf(consumer.identity)) {
        if (key.startsWith(provider.identity)) {
          paid += accountant.honest ? creditedTotal(world, accountant, consumer.identity, key) : total
          promised += total
        }
      }
      if (consumer.honest) continue
      providerPerConsumer = maxOf(providerPerConsumer, served - paid)
      if (paid === 0n) neverPaid += served
    }
    world.log(`${provider.name} was not paid ${neverPaid} by who never paid`)
    providerNeverPaying = maxOf(providerNeverPaying, inOneState(neverPaid))
    if (accountant.honest) continue
    const settled = chain.head.state.settled.get(provider.identity) ?? 0n
    const net = promised - (promised * 3000n) / 10_000n
    world.log(`${provider.name} has settled ${settled} of ${net}`)
    providerToAccountant = maxOf(providerToAccountant, inOneState(maxOf(0n, net - settled)))
  }
  return { providerPerConsumer, providerNeverPaying, providerToAccountant }
}

/** With less than this free no session begins, so that a promise on record can't be repeated: what it owes is on its credit. */
function isTooPoor(world: World, consumer: `0x${string}`): boolean {
  const { policy, oracle } = world
  const promised = oracle.promisesOf(consumer).reduce((most, { promise }) => maxOf(most, promise.amount), 0n)
  return capacityAt(world.chain, channelOf(world, consumer)) - promised < 100n * policy.firstInvoiceAmount
}

const creditedTotal = (world: World, { ledger }: Cast['accountant'], consumer: `0x${string}`, key: string): bigint =>
  ledger?.get('agreements', `${channelOf(world, consumer)}/${key}`)?.total ?? 0n

/** P13, A5, A14: what was spent is credited, and nothing that was acknowledged is missing. */
function checkBooks(world: World, { accountant, providers, consumers }: Cast): void {
  const { oracle } = world
  const { ledger } = accountant
  if (ledger === undefined) return oracle.violate('live', 'the accountant is not back')
  const totals = ledger.get('totals', totalsKey)
  let inLedger = 0n
  for (const [, { total }] of ledger.entries('agreements')) inLedger += total
  const booked = (totals?.credited ?? 0n) + (totals?.fees ?? 0n)
  if (inLedger !== booked) oracle.violate('A14', `${inLedger} taken over, ${booked} booked`)
  for (const provider of providers.filter(({ honest, withheld }) => honest && !withheld)) {
    const mine = ledger.get('providers', provider.identity)?.promise.amount ?? 0n
    for (const { promise, epoch } of oracle.answersTo(provider.identity)) {
      if (mine < promise.amount) oracle.violate('A5', `${provider.name} was promised ${promise.amount} in ${epoch}`)
    }
    const known = provider.newest()?.promise.amount ?? 0n
    if (provider.desk === undefined) oracle.violate('live', `${provider.name} is not back`)
    else if (known !== mine) oracle.violate('P11', `${provider.name} knows of ${known}, is promised ${mine}`)
    const uncredited: string[] = []
    let missing = 0n
    for (const consumer of consumers.filter(({ honest }) => honest)) {
      for (const [key, total] of oracle.totalsOf(consumer.identity)) {
        if (!key.startsWith(provider.identity)) continue
        const credited = creditedTotal(world, accountant, consumer.identity, key)
        if (credited > total) oracle.violate('P13', `${key}: ${credited} credited of ${total}`)
        if (credited < total && isTooPoor(world, consumer.identity)) continue
        if (credited < total) uncredited.push(`${total - credited} of ${total} for ${consumer.name}'s ${key.slice(-8)}`)
        missing += total - credited
      }
    }
    // What a provider had not exchanged when it lost its newest state is lost to it: no more than its exposure limit.
    const restored = [provider, ...consumers].some(({ identity }) => oracle.isRestored(identity))
    const lost = restored ? world.policy.exposureLimit : 0n
    if (missing > lost) oracle.violate('P13', `${provider.name} lacks ${uncredited.join(', ')}`)
  }
}
