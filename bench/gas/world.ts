/**
 * A network where everything has been used once: who is measured then pays for a change, never for a first use.
 *
 * In the EVM a word that turns from zero to something costs 22,100 gas, one that changes 5,000. A payment channel
 * turns each of its words once in its life, so what it costs day by day is the second price. Here everybody is
 * registered, has a beneficiary of their own who already holds tokens, a stake with its guarantee, and a channel that
 * holds enough to go on; `measure.ts` lets each of them settle, order and pay a first time before it measures.
 *
 * @module
 */

import { createSender, deployTestNetwork, registerAccountant } from '@myst/chain'
import { accountantAbi, registryAbi, testMystTokenAbi } from '@myst/contracts'
import { richKeys } from '@myst/devnet'
import { type Address, type Crypto, maxUint256, myst } from '@myst/protocol'
import type { TransactionReceipt } from 'viem'
import { type GasChain, openGasChain } from './chain.ts'
import { createPeople, makeProgramAddresses, type People, type Person } from './people.ts'

export const registrationFee = myst / 10n

export interface GasWorld extends People {
  readonly chain: GasChain
  readonly token: Address
  readonly registry: Address
  readonly accountant: Address
  readonly operator: Address
  /** Holds tokens. */
  readonly transactor: Address
  /** Where registration fees go. Holds tokens. */
  readonly feeRecipient: Address
  readonly people: readonly Person[]
  /** Somebody who topped up, and whose channel is not there yet. */
  makeNewcomer(): Promise<Person>
  register(person: Person): Promise<TransactionReceipt>
  close(): Promise<void>
}

const stake = 100n * myst
/** More than all the steps of a run. */
const topUp = 100n * myst

export async function openGasWorld(crypto: Crypto, size: number): Promise<GasWorld> {
  const chain = await openGasChain()
  try {
    return await fill(chain, crypto, size)
  } catch (cause) {
    await chain.close()
    throw cause
  }
}

async function fill(chain: GasChain, crypto: Crypto, size: number): Promise<GasWorld> {
  const { client } = chain
  const { operator, transactor, feeRecipient } = makeProgramAddresses(crypto)
  const owner = createSender(client, richKeys.deployer)
  const contracts = await deployTestNetwork(client, owner, {
    feeRecipient,
    registrationFee,
    minimumOperatorStake: stake,
    exitDelay: 4n * 86_400n,
    rateNotice: 7n * 86_400n,
    rotationNotice: 14n * 86_400n,
    closingDelay: 60n * 86_400n,
  })
  const { token, registry } = contracts
  const draw = (to: Address, amount: bigint) =>
    chain.send(owner.address, { to: token, abi: testMystTokenAbi, name: 'faucet', args: [to, amount] })
  // All stakes; their guarantees and as much again to settle from; the operator's own.
  await draw(owner.address, BigInt(size + 1) * 4n * stake)
  const accountant = await registerAccountant(client, owner, contracts, {
    operator,
    stake,
    feeRate: 500n,
    url: 'http://accountant.example',
    funds: BigInt(size + 1) * 2n * stake,
  })
  const allowance = [accountant, maxUint256] as const
  await chain.send(owner.address, { to: token, abi: testMystTokenAbi, name: 'approve', args: allowance })
  await draw(transactor, myst)
  await draw(feeRecipient, myst)

  const maker = createPeople(crypto, { ...contracts, chainId: client.chainId, accountant })
  let made = 0

  async function makeNewcomer(): Promise<Person> {
    const person = maker.make(made)
    made += 1
    await draw(person.channel, topUp)
    await draw(person.beneficiary, myst)
    return person
  }

  function register(person: Person): Promise<TransactionReceipt> {
    const args = maker.signRegistration(person, transactor)
    return chain.send(transactor, { to: registry, abi: registryAbi, name: 'registerIdentity', args })
  }

  async function makeProvider(): Promise<Person> {
    const person = await makeNewcomer()
    await register(person)
    const args = [person.identity, stake] as const
    await chain.send(owner.address, { to: accountant, abi: accountantAbi, name: 'increaseStake', args })
    const wish = maker.signWish(person)
    await chain.send(transactor, { to: accountant, abi: accountantAbi, name: 'changeSettleWish', args: wish })
    return person
  }

  const people: Person[] = []
  for (let index = 0; index < size; index++) people.push(await makeProvider())
  return {
    ...maker,
    ...{ chain, token, registry, accountant, operator, transactor, feeRecipient, people },
    makeNewcomer,
    register,
    close: () => chain.close(),
  }
}
