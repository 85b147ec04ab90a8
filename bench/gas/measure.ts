/**
 * What each payment costs on chain: the gas of whole transactions, with their 21,000 and their calldata.
 *
 * Every figure is taken where all was used before (see `world.ts`), and only after the token's own record showed that
 * the transaction paid whom it should, to the unit: a batch that skipped its items is cheap.
 *
 * @module
 */

import { accountantAbi, consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import type { Address, Crypto } from '@myst/protocol'
import { type Person, settlementItem, step, transactorFee } from './people.ts'
import { gasOf, transfer } from './proof.ts'
import { type GasWorld, openGasWorld, registrationFee } from './world.ts'

/** A batch of 100, and one that is there in both of the batches that are compared. */
const batch = 101

export interface GasFigures {
  readonly register: number
  readonly openChannel: number
  readonly settle: number
  readonly settleWithOrder: number
  readonly settleManyMarginal: number
  readonly payoutMarginal: number
  readonly collect: number
  readonly collectMarginal: number
  readonly topUp: number
}

export async function measureGas(
  crypto: Crypto,
  say: (line: string) => void,
): Promise<GasFigures & { readonly chain: { readonly version: string; readonly hardFork: string } }> {
  say(`making a network of ${batch} people …`)
  const world = await openGasWorld(crypto, batch)
  try {
    await useOnce(world)
    say('measuring …')
    return { ...(await measure(world)), chain: world.chain.program }
  } finally {
    await world.close()
  }
}

/** First settlements, first orders, first collections: dear, and none of them is measured. */
async function useOnce(world: GasWorld): Promise<void> {
  await settleMany(world, world.people)
  await collect(world, world.people)
  await settleWithOrder(world, world.people[0] as Person)
}

async function measure(world: GasWorld): Promise<GasFigures> {
  const [first] = world.people as [Person]
  const settleOne = await settleMany(world, [first])
  const settleAll = await settleMany(world, world.people)
  const payoutOne = await payout(world, [first])
  const payoutAll = await payout(world, world.people)
  const collectOne = await collect(world, [first])
  const collectAll = await collect(world, world.people)
  return {
    register: await register(world),
    openChannel: await openChannel(world),
    settle: await settle(world, first),
    settleWithOrder: await settleWithOrder(world, first),
    settleManyMarginal: marginal(settleOne, settleAll),
    payoutMarginal: marginal(payoutOne, payoutAll),
    collect: await collectAlone(world, first),
    collectMarginal: marginal(collectOne, collectAll),
    topUp: await topUp(world, first),
  }
}

/** What one item more costs, over a hundred of them, rounded up. */
const marginal = (one: number, all: number): number => Math.ceil((all - one) / (batch - 1))

/** Registers and opens the channel; both fees come out of it. */
async function register(world: GasWorld): Promise<number> {
  const newcomer = await world.makeNewcomer()
  return gasOf(world.token, await world.register(newcomer), [
    transfer(newcomer.channel, world.transactor, transactorFee),
    transfer(newcomer.channel, world.feeRecipient, registrationFee),
  ])
}

async function openChannel(world: GasWorld): Promise<number> {
  const { registry: to, accountant, operator, chain } = world
  const { identity, channel } = await world.makeNewcomer()
  const args = [identity, accountant] as const
  const receipt = await chain.send(operator, { to, abi: registryAbi, name: 'openChannel', args })
  if ((await chain.client.rpc.getCode({ address: channel })) === undefined) throw new Error('there is no channel')
  return gasOf(world.token, receipt, [])
}

/** The provider sends its own promise. */
async function settle(world: GasWorld, person: Person): Promise<number> {
  const { provider, amount, preimage, signature } = world.promise(person)
  const args = [provider, amount, preimage, signature] as const
  const receipt = await world.chain.send(provider, { to: world.accountant, abi: accountantAbi, name: 'settle', args })
  return gasOf(world.token, receipt, [transfer(world.accountant, person.beneficiary, step)])
}

/** A transactor sends it for a fee. */
async function settleWithOrder(world: GasWorld, person: Person): Promise<number> {
  const { accountant: to, transactor, chain } = world
  const { amount, preimage, signature } = world.promise(person)
  const [order, orderSignature] = world.signOrder(person, amount, transactor)
  const args = [order, preimage, signature, orderSignature] as const
  const receipt = await chain.send(transactor, { to, abi: accountantAbi, name: 'settleWithOrder', args })
  return gasOf(world.token, receipt, [
    transfer(to, transactor, transactorFee),
    transfer(to, person.beneficiary, step - transactorFee),
  ])
}

export async function settleMany(world: GasWorld, people: readonly Person[]): Promise<number> {
  const { accountant: to, operator, chain } = world
  const args = [people.map((person) => settlementItem(world.promise(person)))] as const
  const receipt = await chain.send(operator, { to, abi: accountantAbi, name: 'settleMany', args })
  return gasOf(
    world.token,
    receipt,
    expectEach(people, ({ beneficiary }) => [to, beneficiary]),
  )
}

/** The operator pays what it promised, without a promise; sums are cumulative all the same. */
async function payout(world: GasWorld, people: readonly Person[]): Promise<number> {
  const { accountant: to, operator, chain } = world
  for (const person of people) person.promised += step
  const args = [people.map(({ identity }) => identity), people.map(({ promised }) => promised)] as const
  const receipt = await chain.send(operator, { to, abi: accountantAbi, name: 'payout', args })
  return gasOf(
    world.token,
    receipt,
    expectEach(people, ({ beneficiary }) => [to, beneficiary]),
  )
}

async function collect(world: GasWorld, people: readonly Person[]): Promise<number> {
  const { accountant: to, operator, chain } = world
  const args = [people.map(world.claim)] as const
  const receipt = await chain.send(operator, { to, abi: accountantAbi, name: 'collect', args })
  return gasOf(
    world.token,
    receipt,
    expectEach(people, ({ channel }) => [channel, to]),
  )
}

/** One channel, settled at the channel itself: what the live network's hub does. */
async function collectAlone(world: GasWorld, person: Person): Promise<number> {
  const { accountant, operator, chain } = world
  const { channel: to, amount, preimage, agreementHash, signature } = world.claim(person)
  const args = [amount, preimage, agreementHash, signature] as const
  const receipt = await chain.send(operator, { to, abi: consumerChannelAbi, name: 'settle', args })
  return gasOf(world.token, receipt, [transfer(to, accountant, step)])
}

/** A plain transfer to a channel that holds tokens, from somebody who keeps some. */
async function topUp(world: GasWorld, person: Person): Promise<number> {
  const amount = transactorFee
  const args = [person.channel, amount] as const
  const call = { to: world.token, abi: mystTokenAbi, name: 'transfer', args } as const
  return gasOf(world.token, await world.chain.send(world.transactor, call), [
    transfer(world.transactor, person.channel, amount),
  ])
}

const expectEach = (people: readonly Person[], way: (person: Person) => readonly [Address, Address]): string[] =>
  people.map((person) => transfer(...way(person), step))
