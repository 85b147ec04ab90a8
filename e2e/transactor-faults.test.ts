/**
 * The transactor against a chain that misbehaves: whatever happens on the way, a request has one effect, and its gas costs
 * no more than its fee pays for. Anvil mines here only when a test says so.
 */

import { registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee, richKeys } from '@myst/devnet'
import { myst, type Registration, type TransactorRequest, toHex } from '@myst/protocol'
import { encodeFunctionData, keccak256, parseTransaction } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { idOf, openTransactorWorld, type Person, type TransactorWorld, until } from './transactor.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.32.2'
const mystPerNative = 100n * myst
const gwei = 10n ** 9n
/** More than the transactor offers at first, and not so much that the next quotes go mad. */
const dearer = { maxFeePerGas: 2n * gwei, maxPriorityFeePerGas: (5n * gwei) / 4n }
let here: TransactorWorld

beforeEach(async () => {
  here = await openTransactorWorld(crypto, host, { answerWithinMs: 100 })
}, 30_000)
afterEach(() => here.close())

const rpc = () => here.world.chain.client.rpc
const mine = (blocks = 1) => here.node('anvil_mine', `0x${blocks.toString(16)}`)
const handMining = async () => {
  await here.node('evm_setAutomine', false)
  await here.node('evm_setIntervalMining', 0)
}
/** Of the next block; those after it follow the rules. */
const baseFee = (fee: bigint) => here.node('anvil_setNextBlockBaseFeePerGas', `0x${fee.toString(16)}`)
const network = () => {
  const [only] = here.transactor().networks
  if (only === undefined) throw new Error('no network')
  return only
}
const gasBalance = () => rpc().getBalance({ address: here.transactor().address })
const pool = async () => {
  const content = (await here.node('txpool_content')) as Record<
    string,
    Record<string, Record<string, { hash: string }>>
  >
  const own = (part: string) =>
    Object.entries(content[part] ?? {}).flatMap(([from, byNonce]) =>
      from.toLowerCase() === here.transactor().address ? Object.values(byNonce) : [],
    )
  return [...own('pending'), ...own('queued')]
}

/** So often has the chain shown a receipt of ours from now on. */
async function receiptsSeen(count: number): Promise<void> {
  let seen = 0
  here.rpc.change = ({ method }, result) => {
    if (method === 'eth_getTransactionReceipt' && result !== null) seen++
    return result
  }
  await until(() => seen >= count)
  here.rpc.change = undefined
}

/** All that is broadcast from now on, each once. */
function watchOffers() {
  const raws = new Set<`0x02${string}`>()
  here.rpc.answer = (body) => {
    for (const [, raw] of body.matchAll(/"eth_sendRawTransaction","params":\["(0x02[0-9a-f]+)"\]/g)) {
      raws.add(raw as `0x02${string}`)
    }
    return undefined
  }
  return Object.assign(() => [...raws].map((raw) => parseTransaction(raw)), { raws: () => [...raws] })
}

/** One nonce, an eighth more each time in both figures, and never more than the fee pays for. */
function expectRaises(offers: ReturnType<ReturnType<typeof watchOffers>>, { fee }: Asked): void {
  offers.forEach((offer, index) => {
    const { maxFeePerGas = 0n, maxPriorityFeePerGas = 0n, gas = 0n, nonce } = offer
    expect(maxFeePerGas * gas).toBeLessThanOrEqual((fee * 10n ** 18n) / mystPerNative)
    const earlier = offers[index - 1]
    if (earlier === undefined) return
    expect(nonce).toBe(earlier.nonce)
    expect(maxFeePerGas * 8n).toBeGreaterThanOrEqual((earlier.maxFeePerGas ?? 0n) * 9n)
    expect(maxPriorityFeePerGas * 8n).toBeGreaterThanOrEqual((earlier.maxPriorityFeePerGas ?? 0n) * 9n)
  })
}

/** As soon as there are so many. */
async function inPool(count: number) {
  await until(async () => (await pool()).length === count)
  return pool()
}

interface Asked {
  readonly person: Person
  readonly request: TransactorRequest
  readonly fee: bigint
}
async function ask(person: Person, change: Partial<Registration> = {}): Promise<Asked> {
  const { fee } = await here.quote()
  const request = here.register(person, fee, change)
  return { person, request, fee: change.fee ?? fee }
}

const stateOf = ({ request }: Asked) => network().stateOf(idOf(crypto, request))
const ended = (asked: Asked) => until(() => (stateOf(asked)?.status ?? 'waiting') !== 'waiting')

/** Registered once: the channel paid the fees once, and the transactor has its fee. */
async function expectOneEffect({ person, fee, request }: Asked): Promise<void> {
  expect(stateOf({ person, fee, request })?.status).toBe('mined')
  expect(await here.balanceOf(person.channel)).toBe(myst - registrationFee - fee)
}

/** Mines until each of them is, and expects each to have had one effect. */
async function minedOnce(...asked: readonly Asked[]): Promise<void> {
  await until(async () => {
    await mine()
    return asked.every((one) => stateOf(one)?.status === 'mined')
  })
  for (const one of asked) await expectOneEffect(one)
}

/** What its transactions cost in all, of those that were mined. */
async function expectPaidFor({ fee }: Asked, before: bigint): Promise<void> {
  expect(before - (await gasBalance())).toBeLessThanOrEqual((fee * 10n ** 18n) / mystPerNative)
}

describe('a transaction that is', () => {
  test('dropped by the pool is sent again', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    expect(await here.carry(asked.request)).toMatchObject({ status: 'waiting' })
    const [sent] = await inPool(1)
    await here.node('anvil_dropTransaction', sent?.hash)
    await until(async () => (await pool()).length === 1)
    expect((await pool())[0]?.hash).toBe(sent?.hash)
    await mine()
    await ended(asked)
    await expectOneEffect(asked)
  })

  test('passed by as gas gets dearer is replaced, under its nonce, and its fee still pays for it', async () => {
    const asked = await ask(await here.newcomer())
    const before = await gasBalance()
    await handMining()
    const offers = watchOffers()
    await here.carry(asked.request)
    await until(() => offers().length > 0)
    const offered = offers()[0]?.maxFeePerGas ?? 0n
    await until(async () => {
      await baseFee((offered * 21n) / 20n)
      await mine()
      return stateOf(asked)?.status === 'mined'
    })
    expect(offers().length).toBeGreaterThan(1)
    expectRaises(offers(), asked)
    await expectOneEffect(asked)
    await expectPaidFor(asked, before)
  })

  test('replaced, while its earlier offer is mined after all, is recognised by that', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    const offers = watchOffers()
    await here.carry(asked.request)
    await until(() => offers().length > 0)
    const [first] = offers.raws()
    await until(async () => {
      await baseFee(100n * gwei)
      await mine()
      return offers().length > 1
    })
    here.rpc.answer = () => 503
    for (const { hash } of await pool()) await here.node('anvil_dropTransaction', hash)
    await baseFee(gwei / 10n)
    await mine()
    await here.node('eth_sendRawTransaction', first)
    await baseFee(gwei / 10n)
    await mine()
    here.rpc.answer = undefined
    await ended(asked)
    expect(stateOf(asked)?.hash).toBe(keccak256(first as `0x${string}`))
    await expectOneEffect(asked)
  })

  test('met by a hundredfold price is never offered more than its fee pays for, and waits', async () => {
    const asked = await ask(await here.newcomer())
    const before = await gasBalance()
    await handMining()
    const offers = watchOffers()
    await here.carry(asked.request)
    let blocks = 0
    await until(async () => {
      await baseFee(100n * gwei)
      await mine()
      return ++blocks > 30 && offers().length > 1
    })
    expect(stateOf(asked)).toMatchObject({ status: 'waiting' })
    await until(async () => {
      await baseFee(gwei / 10n)
      await mine()
      return stateOf(asked)?.status === 'mined'
    })
    expectRaises(offers(), asked)
    await expectOneEffect(asked)
    await expectPaidFor(asked, before)
  })

  test('taken back by a reorganisation counts only when it is back, at the depth', async () => {
    await here.restart({ profile: { ...here.options().profile, confirmationDepth: 4 } })
    const asked = await ask(await here.newcomer())
    await handMining()
    await here.carry(asked.request)
    await inPool(1)
    await mine(2)
    await receiptsSeen(3)
    expect(stateOf(asked)).toMatchObject({ status: 'waiting' })
    await here.node('anvil_reorg', 2, [])
    await until(async () => (await pool()).length === 1)
    expect(await rpc().getTransactionCount({ address: here.transactor().address })).toBe(0)
    await mine(1)
    await receiptsSeen(3)
    expect(stateOf(asked)).toMatchObject({ status: 'waiting' })
    await mine(3)
    await ended(asked)
    await expectOneEffect(asked)
  })

  test('displaced by another of the same key is sent under a new nonce', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    await here.carry(asked.request)
    const [sent] = await inPool(1)
    const account = privateKeyToAccount(toHex(richKeys.transactor))
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: 31_337,
      nonce: 0,
      to: account.address,
      gas: 21_000n,
      ...dearer,
    })
    await here.node('eth_sendRawTransaction', raw)
    await mine()
    await until(async () => (await network().status()).outbox.displaced === 1)
    await until(async () => (await pool()).length === 1)
    expect((await pool())[0]?.hash).not.toBe(sent?.hash)
    expect(keccak256(raw)).not.toBe(sent?.hash)
    await mine()
    await ended(asked)
    await expectOneEffect(asked)
  })
})

describe('a crash', () => {
  test('with transactions on their way: each is found by its hash and has one effect', async () => {
    const people = [await here.newcomer(), await here.newcomer(), await here.newcomer()]
    const all = await Promise.all(people.map((person) => ask(person)))
    await handMining()
    await Promise.all(all.map(({ request }) => here.carry(request)))
    const hashes = (await inPool(3)).map(({ hash }) => hash)
    await here.restart()
    await here.node('anvil_dropTransaction', hashes[1])
    await until(async () => (await pool()).length === 3)
    expect((await pool()).map(({ hash }) => hash).sort()).toEqual(hashes.sort())
    await mine()
    for (const asked of all) {
      await ended(asked)
      await expectOneEffect(asked)
    }
  })

  test('with a gift on its way: it is given once, and still known by its id', async () => {
    const faucet = { amount: myst, perDay: 5, perAddressPerDay: 5 }
    await here.restart({ faucet })
    await handMining()
    const to = `0x${'a1'.repeat(20)}` as const
    const given = await network().give(to, 'somebody')
    if (!given.ok) throw new Error(given.refusal.code)
    const { id } = given.value.state
    await inPool(1)
    await here.restart({ faucet })
    expect(network().stateOf(id)).toMatchObject({ status: 'waiting' })
    expect(await network().give(to, 'somebody')).toMatchObject({ ok: true, value: { state: { id } } })
    await mine()
    await until(() => network().stateOf(id)?.status === 'mined')
    expect(await here.balanceOf(to)).toBe(myst)
  })

  test('while a transaction is mined: the answer is there afterwards', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    await here.carry(asked.request)
    const [sent] = await inPool(1)
    await here.transactor().close()
    await mine(5)
    await here.restart()
    await ended(asked)
    expect(stateOf(asked)).toMatchObject({ status: 'mined', hash: sent?.hash })
    await expectOneEffect(asked)
  })
})

describe('nonces', () => {
  test('that a node made up leave a gap, which is filled, and nothing waits for ever', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    here.rpc.change = ({ method }, result) => (method === 'eth_getTransactionCount' ? '0x3' : result)
    await here.carry(asked.request)
    await inPool(1)
    here.rpc.change = undefined
    await until(async () => {
      await mine()
      return stateOf(asked)?.status === 'mined'
    })
    await expectOneEffect(asked)
    expect((await network().status()).outbox.voided).toBe(3)
  })

  test('of a call that cannot pay any more are freed for those who wait behind it', async () => {
    await here.restart({ voidAfterBlocks: 6 })
    const [poor, wealthy] = [await ask(await here.newcomer()), await here.newcomer()]
    await handMining()
    await here.carry(poor.request)
    const dear = 20n * gwei
    // Somebody who knows the new price pays it, and stands behind who does not.
    const rich = await ask(wealthy, { fee: 30n * poor.fee > myst / 2n ? myst / 2n : 30n * poor.fee })
    await baseFee(dear)
    await mine()
    await here.carry(rich.request)
    await until(async () => {
      await baseFee(dear)
      await mine()
      return stateOf(rich)?.status === 'mined'
    })
    expect(stateOf(poor)).toMatchObject({ status: 'waiting' })
    await until(async () => {
      await baseFee(gwei / 10n)
      await mine()
      return stateOf(poor)?.status === 'mined'
    })
    await expectOneEffect(poor)
    await expectOneEffect(rich)
    const { gas } = await network().status()
    expect(BigInt(gas.lostToday)).toBeGreaterThan(0n)
    expect(BigInt(gas.lostToday)).toBeLessThan(BigInt(gas.maxLostPerDay))
  })
})

describe('an endpoint that', () => {
  const nonsense = (id: number) => JSON.stringify({ jsonrpc: '2.0', id, result: { number: 'soon' } })
  test.each([
    ['answers with a page', () => '<html>maintenance</html>'],
    ['answers with 429', () => 429],
    ['answers with 500', () => 500],
    ['answers half', () => '[{"jsonrpc":"2.0","id":1,"res'],
    [
      'answers nonsense',
      (body: string) => {
        const asked = JSON.parse(body)
        return Array.isArray(asked)
          ? `[${asked.map(({ id }: { id: number }) => nonsense(id)).join(',')}]`
          : nonsense(asked.id)
      },
    ],
    ['answers nothing', () => ''],
    ['answers 16 MB', () => `"${'x'.repeat(16_000_000)}"`],
  ] as const)('%s: requests wait, and are answered later, once', async (_what, answer) => {
    const [first, second] = [await ask(await here.newcomer()), await ask(await here.newcomer())]
    await handMining()
    await here.carry(first.request)
    here.rpc.answer = answer
    expect(await here.carry(second.request)).toMatchObject({ status: 'waiting' })
    expect((await network().status()).chain.reachable).toBe(false)
    await mine()
    here.rpc.answer = undefined
    await minedOnce(first, second)
  })

  test('is down at a restart, for whatever time: what it was asked for is still done', async () => {
    const [first, second] = [await ask(await here.newcomer()), await ask(await here.newcomer())]
    await handMining()
    await here.carry(first.request)
    here.rpc.answer = () => 503
    await here.carry(second.request)
    await here.restart()
    expect(stateOf(first)).toMatchObject({ status: 'waiting' })
    expect(await here.carry(second.request)).toMatchObject({ status: 'waiting' })
    here.rpc.answer = undefined
    await minedOnce(first, second)
  })

  test('turns into another chain is not believed, neither on nonces nor on receipts', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    await here.carry(asked.request)
    let asks = 0
    here.rpc.change = ({ method }, result) => {
      asks++
      if (method === 'eth_chainId') return '0x89'
      if (method === 'eth_getTransactionCount') return '0xff'
      return method === 'eth_getTransactionReceipt' ? null : result
    }
    await until(() => asks > 6)
    expect((await network().status()).outbox.displaced).toBe(0)
    here.rpc.change = undefined
    await mine()
    await ended(asked)
    await expectOneEffect(asked)
  })

  test('hides a receipt for ever does not make a second effect', async () => {
    const asked = await ask(await here.newcomer())
    const before = await gasBalance()
    await handMining()
    await here.carry(asked.request)
    here.rpc.change = ({ method }, result) => (method === 'eth_getTransactionReceipt' ? null : result)
    await mine()
    await ended(asked)
    await expectOneEffect(asked)
    await expectPaidFor(asked, before)
  })

  test('shows a receipt of a block that is not in the chain is not believed', async () => {
    const asked = await ask(await here.newcomer())
    await handMining()
    await here.carry(asked.request)
    const [sent] = await inPool(1)
    let asks = 0
    here.rpc.change = ({ method }, result) => {
      if (method === 'eth_getTransactionCount') return '0x1'
      if (method !== 'eth_getTransactionReceipt') return result
      asks++
      return {
        ...{ transactionHash: sent?.hash, status: '0x1', blockNumber: '0x1', blockHash: `0x${'ab'.repeat(32)}` },
        ...{ gasUsed: '0x1', effectiveGasPrice: '0x1', cumulativeGasUsed: '0x1', transactionIndex: '0x0', logs: [] },
        ...{ from: here.transactor().address, to: null, type: '0x2', logsBloom: '0x' },
      }
    }
    await until(() => asks > 5)
    expect(stateOf(asked)).toMatchObject({ status: 'waiting' })
    here.rpc.change = undefined
    await mine()
    await ended(asked)
    await expectOneEffect(asked)
  })
})

describe('who makes it pay for nothing', () => {
  /** Good in the simulation, void in the block: the nonce is cancelled in between, for a higher price. */
  async function makeItRevert(person: Person, nonce: bigint): Promise<void> {
    const asked = await ask(person, { nonce })
    await here.node('evm_setAutomine', false)
    await here.carry(asked.request)
    const account = privateKeyToAccount(toHex(person.key))
    await here.node('anvil_setBalance', account.address, `0x${(10n ** 18n).toString(16)}`)
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: 31_337,
      nonce: await rpc().getTransactionCount({ address: account.address }),
      to: here.world.network.contracts.registry,
      data: encodeFunctionData({ abi: registryAbi, functionName: 'cancelNonce', args: [nonce] }),
      gas: 100_000n,
      ...dearer,
    })
    await here.node('eth_sendRawTransaction', raw)
    await mine()
    await ended(asked)
    expect(stateOf(asked)).toMatchObject({ status: 'refused', code: 'transaction-reverted' })
  }

  test('twice is closed for a day, also after a restart; others are not', async () => {
    const mallory = await here.newcomer()
    await handMining()
    await makeItRevert(mallory, 1n)
    await makeItRevert(mallory, 2n)
    await here.restart()
    const again = await ask(mallory, { nonce: 3n })
    expect(await here.carry(again.request)).toMatchObject({ http: 403, code: 'identity-closed' })
    await here.node('evm_setAutomine', true)
    const alice = await ask(await here.newcomer())
    await here.carry(alice.request)
    await ended(alice)
    await expectOneEffect(alice)
  })

  test('stops it for the day when all that is lost reaches its bound', async () => {
    await here.restart({ maxLostPerDay: 1n })
    const [mallory, honest] = [await here.newcomer(), await here.newcomer()]
    await handMining()
    await makeItRevert(mallory, 1n)
    const alice = await ask(honest)
    expect(await here.carry(alice.request)).toMatchObject({ http: 503, code: 'losses-high' })
  })
})
