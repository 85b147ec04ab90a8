/**
 * All that a transactor carries besides registrations, what it gives away, and to whom it says no.
 */

import { createSender } from '@myst/chain'
import { accountantAbi, consumerChannelAbi, mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee, richKeys } from '@myst/devnet'
import {
  type Address,
  exitCancelStruct,
  exitRequestStruct,
  fastExitStruct,
  hashTypedData,
  myst,
  stakeDecreaseStruct,
  type TransactorRequest,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import { defaultTransactorOptions, startTransactor } from '@myst/transactor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTransactorWorld, type Person, type TransactorWorld, until } from './transactor.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.32.3'
const deadline = 2n ** 40n
const delayS = 4 * 86_400
const gifts = { amount: 5n * myst, perDay: 3, perAddressPerDay: 2 }
const sponsor = { perDay: 2, perAddressPerDay: 2 }
let here: TransactorWorld
let bank: ReturnType<typeof createSender>

beforeAll(async () => {
  here = await openTransactorWorld(crypto, host, { faucet: gifts, sponsor })
  bank = createSender(here.world.chain.client, richKeys.deployer)
}, 30_000)
afterAll(() => here?.close())

const us = () => here.transactor().address
const accountant = () => here.world.network.accountant
const network = () => {
  const [only] = here.transactor().networks
  if (only === undefined) throw new Error('no network')
  return only
}

async function registered(paidIn = 3n * myst): Promise<Person> {
  const person = await here.newcomer(paidIn)
  const { fee } = await here.quote()
  expect(await here.carry(here.register(person, fee))).toMatchObject({ status: 'mined' })
  return person
}

let nonce = 100n
async function exitOf(person: Person): Promise<TransactorRequest & { readonly kind: 'exit' }> {
  const { fee } = await here.quote('exit')
  const exit = { beneficiary: zeroAddress, transactor: us(), fee, nonce: nonce++, deadline }
  const signature = here.sign(person, person.channel, exitRequestStruct, exit)
  return { kind: 'exit', identity: person.identity, accountant: accountant(), exit, signature }
}

describe('an exit', () => {
  test('of somebody without gas is announced, and its fee fetched when it is paid', async () => {
    const person = await registered()
    const request = await exitOf(person)
    const held = await here.balanceOf(person.channel)
    const before = await here.balanceOf(us())
    const gasBefore = await here.world.chain.client.rpc.getBalance({ address: us() })
    expect(await here.carry(request)).toMatchObject({ status: 'mined' })
    expect(await here.balanceOf(us())).toBe(before)
    expect((await network().status()).queue.feesToCome).toBe(1)
    expect(await here.carry(await exitOf(person))).toMatchObject({ http: 429, code: 'fee-still-due' })
    await here.restart()
    await here.passTime(delayS + 1)
    await until(async () => (await here.balanceOf(us())) > before)
    expect((await here.balanceOf(us())) - before).toBe(request.exit.fee)
    expect(await here.balanceOf(person.identity)).toBe(held - request.exit.fee)
    await until(async () => (await network().status()).queue.feesToCome === 0)
    const gasAfter = await here.world.chain.client.rpc.getBalance({ address: us() })
    expect((gasBefore - gasAfter) * 100n).toBeLessThanOrEqual(request.exit.fee)
  })

  test('pays its fee when it is due, although the chain showed times long past when it was announced', async () => {
    const person = await registered()
    const request = await exitOf(person)
    const before = await here.balanceOf(us())
    let looks = 0
    here.rpc.change = ({ method }, result) => {
      if (method !== 'eth_getBlockByNumber') return result
      looks++
      return { ...(result as object), timestamp: '0x1' }
    }
    expect(await here.carry(request)).toMatchObject({ status: 'mined' })
    looks = 0
    await until(() => looks > 0)
    await until(async () => (await network().status()).queue.waiting === 0)
    here.rpc.change = undefined
    await here.passTime(delayS + 1)
    await until(async () => (await here.balanceOf(us())) > before)
    expect((await here.balanceOf(us())) - before).toBe(request.exit.fee)
  })

  test('from a channel that was never opened is refused: the call would succeed, and do nothing', async () => {
    expect(await here.carry(await exitOf(await here.newcomer()))).toMatchObject({ code: 'channel-not-open' })
  })

  test('whose payment is below its fee is refused', async () => {
    const { fee } = await here.quote()
    const person = await here.newcomer(registrationFee + fee)
    expect(await here.carry(here.register(person, fee))).toMatchObject({ status: 'mined' })
    expect(await here.carry(await exitOf(person))).toMatchObject({ code: 'exit-below-fee' })
  })

  test('that is taken back leaves nothing to wait for', async () => {
    const person = await registered()
    expect(await here.carry(await exitOf(person))).toMatchObject({ status: 'mined' })
    const cancel = { nonce: nonce++, deadline }
    const signature = here.sign(person, person.channel, exitCancelStruct, cancel)
    await bank.send({
      to: person.channel,
      abi: consumerChannelAbi,
      name: 'cancelExit',
      args: [cancel, toHex(signature)],
    })
    await here.passTime(delayS + 1)
    await until(async () => (await network().status()).queue.feesToCome === 0)
  })

  test('with the consent of the accountant pays at once', async () => {
    const person = await registered()
    const { fee } = await here.quote('fast-exit')
    const exit = { amount: myst, beneficiary: zeroAddress, transactor: us(), fee, nonce: nonce++, deadline }
    const domain = { chainId: here.world.profile.chainId, verifyingContract: person.channel }
    const before = await here.balanceOf(us())
    const answer = await here.carry({
      kind: 'fast-exit',
      identity: person.identity,
      accountant: accountant(),
      exit,
      signature: here.sign(person, person.channel, fastExitStruct, exit),
      operatorSignature: crypto.sign(hashTypedData(crypto, domain, fastExitStruct, exit), richKeys.operator),
    })
    expect(answer).toMatchObject({ status: 'mined' })
    expect((await here.balanceOf(us())) - before).toBe(fee)
    expect(await here.balanceOf(person.identity)).toBe(myst - fee)
  })
})

test('a stake decrease is announced, and its fee fetched when it is paid', async () => {
  const bob = await registered()
  const { token } = here.world.network.contracts
  await here.world.network.faucet(bank.address, 50n * myst)
  await bank.send({ to: token, abi: mystTokenAbi, name: 'approve', args: [accountant(), 50n * myst] })
  await bank.send({ to: accountant(), abi: accountantAbi, name: 'increaseStake', args: [bob.identity, 50n * myst] })
  const { fee } = await here.quote('decrease-stake')
  const decrease = { provider: bob.identity, amount: 20n * myst, transactor: us(), fee, nonce: nonce++, deadline }
  const signature = here.sign(bob, accountant(), stakeDecreaseStruct, decrease)
  const before = await here.balanceOf(us())
  const request = { kind: 'decrease-stake', accountant: accountant(), decrease, signature } as const
  expect(await here.carry(request)).toMatchObject({ status: 'mined' })
  await here.passTime(delayS + 1)
  await until(async () => (await here.balanceOf(us())) - before === fee)
  expect(await here.balanceOf(bob.identity)).toBe(20n * myst - fee)
})

describe('what is given away', () => {
  test('some registrations a day are carried without a fee, and then no more', async () => {
    const answers: unknown[] = []
    for (let newcomer = 0; newcomer < 3; newcomer++) {
      const { status, code } = await here.carry(here.register(await here.newcomer(), 0n))
      answers.push(status ?? code)
    }
    expect(answers).toEqual(['mined', 'mined', 'sponsoring-over'])
    await here.restart()
    const again = await here.carry(here.register(await here.newcomer(), 0n))
    expect(again).toMatchObject({ http: 429, code: 'sponsoring-over' })
  })

  const draw = async (to: unknown) => {
    const response = await fetch(`${here.transactor().url}/v1/faucet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to }),
    })
    return { http: response.status, ...((await response.json()) as { code?: string; id?: string; status?: string }) }
  }
  const someone = (byte: string): Address => `0x${byte.repeat(20)}`

  test('the faucet gives once a day to each, so often to an address, and remembers it', async () => {
    const [alice, bob, carol] = [someone('a1'), someone('b0'), someone('c0')]
    const first = await draw(alice)
    expect(first).toMatchObject({ http: 200, amount: String(gifts.amount) })
    await until(async () => (await here.balanceOf(alice)) === gifts.amount)
    expect(await draw(alice)).toMatchObject({ http: 200, id: first.id })
    await here.restart()
    await until(async () => (await draw(alice)).status === 'mined')
    expect(await here.balanceOf(alice)).toBe(gifts.amount)
    expect(await draw(bob)).toMatchObject({ http: 200 })
    await until(async () => (await here.balanceOf(bob)) === gifts.amount)
    expect(await draw(carol)).toMatchObject({ http: 200 })
    expect(await draw(someone('d0'))).toMatchObject({ http: 429 })
    expect(await draw('0x12')).toMatchObject({ http: 422, code: 'recipient-invalid' })
    await here.passTime(86_400)
    expect(await draw(alice)).toMatchObject({ http: 200 })
    await until(async () => (await here.balanceOf(alice)) === 2n * gifts.amount)
  })

  test('no faucet runs where the token is not the one of test networks', async () => {
    const { contracts } = here.world.profile
    const elsewhere = { ...here.world.profile, contracts: { ...contracts, token: contracts.registry } }
    const options = here.options({ profile: elsewhere, storePath: `${here.world.dir}/elsewhere.db` })
    const starting = startTransactor({
      ...defaultTransactorOptions,
      networks: [options],
      host,
      port: 4071,
      log: () => {},
    })
    await expect(starting).rejects.toThrow('faucet-not-test-network')
  })
})

describe('limits', () => {
  test('one that floods is told so, and its address too; others are served', async () => {
    await here.restart()
    const mallory = await here.newcomer(0n)
    const codes = new Set<string | undefined>()
    for (let flood = 0; flood < 25; flood++) {
      codes.add((await here.carry(here.register(mallory, (await here.quote()).fee, { nonce: BigInt(flood) }))).code)
    }
    expect([...codes]).toEqual(['BalanceTooLow', 'identity-quota'])
    expect(await registered()).toBeDefined()
    const others = await here.newcomer(0n)
    for (let flood = 0; flood < 60; flood++) {
      const request = here.register(others, 1n, { nonce: BigInt(flood), accountant: zeroAddress })
      codes.add((await here.carry(request)).code)
    }
    expect([...codes].at(-1)).toBe('address-quota')
  })

  test('what has no room for a fee is not carried, and says so', async () => {
    const quote = async (call: string) => {
      const response = await fetch(`${here.transactor().url}/v1/quotes/${call}`)
      return [response.status, ((await response.json()) as { code: string }).code]
    }
    expect(await quote('cancel-exit')).toEqual([422, 'call-without-fee'])
    expect(await quote('change-beneficiary')).toEqual([422, 'call-without-fee'])
    expect(await quote('print-money')).toEqual([404, 'call-unknown'])
  })
})

describe('over HTTP', () => {
  const get = (path: string, accept = 'application/json') =>
    fetch(here.transactor().url + path, { headers: { accept } })

  test('quotes and states are JSON for who asks for it', async () => {
    const quote = (await (await get('/v1/quotes/register')).json()) as { fee: string; validUntilMs: string }
    expect(quote.fee).toMatch(/^\d+$/)
    expect(await (await get(`/v1/requests/0x${'00'.repeat(32)}`)).json()).toMatchObject({ code: 'request-unknown' })
    expect(await (await get('/v2')).json()).toMatchObject({ code: 'path-unknown' })
  })

  test('status and metrics say how much gas is left, and for how many days', async () => {
    const status = (await (await get('/v1/status')).json()) as { gas: Record<string, unknown> }
    expect(status.gas).toMatchObject({ low: false })
    expect(Number(status.gas.daysLeft)).toBeGreaterThan(7)
    const metrics = await (await get('/metrics')).text()
    for (const line of metrics.trimEnd().split('\n')) {
      expect(line).toMatch(/^# (HELP|TYPE) myst_transactor_\w+ .+$|^myst_transactor_\w+\{[^{}]*\} [\d.e+]+$/)
    }
    expect(metrics).toContain('myst_transactor_gas_balance_wei{network="devnet"}')
    expect(metrics).toMatch(/requests_total\{network="devnet",call="register",end="mined"\} [1-9]/)
  })

  test('a wallet that is nearly empty is pointed out', async () => {
    const { rpc } = here.world.chain.client
    const before = await rpc.getBalance({ address: us() })
    await here.node('anvil_setBalance', us(), '0x1000')
    expect((await network().status()).gas.low).toBe(true)
    await here.node('anvil_setBalance', us(), `0x${before.toString(16)}`)
  })

  test('several networks have paths, keys and books of their own', async () => {
    const second = {
      ...here.options({ storePath: `${here.world.dir}/second.db`, key: richKeys.operator }),
      profile: { ...here.world.profile, networkId: 'second' },
    }
    const first = { ...here.options({ storePath: `${here.world.dir}/first.db` }) }
    const both = await startTransactor({
      ...defaultTransactorOptions,
      networks: [first, second],
      host,
      port: 4072,
      log: () => {},
    })
    try {
      const ask = async (path: string) => {
        const response = await fetch(both.url + path, { headers: { accept: 'application/json' } })
        return (await response.json()) as { transactor?: string; code?: string }
      }
      const operator = crypto.addressOf(richKeys.operator)
      expect((await ask('/networks/second/v1/quotes/register')).transactor).toBe(operator)
      expect((await ask('/networks/devnet/v1/quotes/register')).transactor).toBe(us())
      expect((await ask('/v1/quotes/register')).code).toBe('path-unknown')
      expect(await ask('/v1/networks')).toMatchObject([{ networkId: 'devnet' }, { networkId: 'second' }])
    } finally {
      await both.close()
    }
  })
})
