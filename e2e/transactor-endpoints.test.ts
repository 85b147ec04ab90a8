/**
 * A transactor with two RPC endpoints, one of which lies, is late or is away: no request is lost, none has two effects, nothing
 * gets dearer, and the operator hears of it. Whichever of the two it is.
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee, richKeys } from '@myst/devnet'
import { myst, type TransactorRequest, toHex } from '@myst/protocol'
import { parseTransaction } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type FaultyRpc,
  idOf,
  openTransactorWorld,
  type Person,
  RpcError,
  type TransactorWorld,
  until,
} from './transactor.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.63.2'
const gwei = 10n ** 9n
let here: TransactorWorld

beforeEach(async () => {
  here = await openTransactorWorld(crypto, host, { answerWithinMs: 100 }, { endpoints: 2 })
}, 30_000)
afterEach(() => here.close())

const chain = () => here.world.chain.client.rpc
const mine = (blocks = 1) => here.node('anvil_mine', `0x${blocks.toString(16)}`)
const handMining = async () => {
  await here.node('evm_setAutomine', false)
  await here.node('evm_setIntervalMining', 0)
}
const network = () => {
  const [only] = here.transactor().networks
  if (only === undefined) throw new Error('no network')
  return only
}
const chainStatus = async () => (await network().status()).chain
const pendingCount = () => chain().getTransactionCount({ address: here.transactor().address, blockTag: 'pending' })
const minedCount = () => chain().getTransactionCount({ address: here.transactor().address })

interface Asked {
  readonly person: Person
  readonly request: TransactorRequest
  readonly fee: bigint
}
async function ask(): Promise<Asked> {
  const [person, { fee }] = [await here.newcomer(), await here.quote()]
  return { person, fee, request: here.register(person, fee) }
}
const stateOf = ({ request }: Asked) => network().stateOf(idOf(crypto, request))

async function expectOneEffect(asked: Asked): Promise<void> {
  await until(async () => {
    await mine()
    return (stateOf(asked)?.status ?? 'waiting') !== 'waiting'
  })
  expect(stateOf(asked)?.status).toBe('mined')
  expect(await here.balanceOf(asked.person.channel)).toBe(myst - registrationFee - asked.fee)
}

/** The answer may come before it left. */
const inPool = () => until(async () => (await pendingCount()) > (await minedCount()))

/** So often has this endpoint been asked that from now on. */
function asks(rpc: FaultyRpc, method: string, change: (result: unknown) => unknown): () => number {
  let count = 0
  rpc.change = (call, result) => {
    if (call.method !== method) return result
    count++
    return change(result)
  }
  return () => count
}
const alarmed = () => until(async () => (await chainStatus()).disagreements > 0)

describe.each(['first', 'second'] as const)('the %s endpoint', (which) => {
  const liar = () => (which === 'first' ? here.rpc : here.second)
  const honest = () => (which === 'first' ? here.second : here.rpc)

  test('hides a receipt: the request waits for its word, and the operator is told', async () => {
    const asked = await ask()
    await handMining()
    await here.carry(asked.request)
    await inPool()
    const seen = asks(liar(), 'eth_getTransactionReceipt', () => null)
    await mine()
    await until(() => seen() > 10)
    await alarmed()
    expect(stateOf(asked)?.status).toBe('waiting')
    liar().change = undefined
    await expectOneEffect(asked)
    expect(await minedCount()).toBe(1)
  })

  test('shows a receipt of what was never mined: nobody is told that it is', async () => {
    const asked = await ask()
    await handMining()
    const raws: string[] = []
    honest().answer = (body) => {
      raws.push(
        ...[...body.matchAll(/"eth_sendRawTransaction","params":\["(0x[0-9a-f]+)"\]/g)].map(([, raw]) => raw ?? ''),
      )
      return undefined
    }
    const block = await chain().getBlock({ blockTag: 'latest' })
    let shown = 0
    liar().change = ({ method, params }, result) => {
      if (method === 'eth_getTransactionCount') return '0x1'
      if (method !== 'eth_getTransactionReceipt') return result
      shown++
      return {
        ...{ transactionHash: params[0], status: '0x1', blockNumber: toHexNumber(block.number), blockHash: block.hash },
        ...{ gasUsed: '0x1', effectiveGasPrice: '0x1', cumulativeGasUsed: '0x1', transactionIndex: '0x0', logs: [] },
        ...{ from: here.transactor().address, to: null, type: '0x2', logsBloom: '0x' },
      }
    }
    // It counts a transaction of ours that there is not: no new one leaves meanwhile.
    await here.carry(asked.request)
    await alarmed()
    expect(raws).toEqual([])
    liar().change = undefined
    await until(() => raws.length > 0)
    const counted = asks(liar(), 'eth_getTransactionCount', () => '0x1')
    await until(() => counted() > 10)
    expect(stateOf(asked)?.status).toBe('waiting')
    expect(shown).toBe(0)
    liar().change = undefined
    await expectOneEffect(asked)
  })

  test.each([
    ['0xff', 'too many'],
    ['0x0', 'too few'],
  ])('counts %s transactions of ours (%s): no nonce is made up, none is used twice', async (count) => {
    const before = await ask()
    await here.carry(before.request)
    await expectOneEffect(before)
    const asked = await ask()
    await handMining()
    asks(liar(), 'eth_getTransactionCount', () => count)
    expect(await here.carry(asked.request)).toMatchObject({ status: 'waiting' })
    await alarmed()
    expect(stateOf(asked)?.status).toBe('waiting')
    liar().change = undefined
    await expectOneEffect(asked)
    expect(await minedCount()).toBe(2)
    expect((await network().status()).outbox).toMatchObject({ voided: 0, displaced: 0 })
  })

  test('refuses a good call: it is not refused to who asked', async () => {
    const asked = await ask()
    const refusal = new RpcError({ code: 3, message: 'execution reverted', data: '0x' })
    liar().change = ({ method }, result) => (method === 'eth_call' || method === 'eth_estimateGas' ? refusal : result)
    expect(await here.carry(asked.request)).toMatchObject({ status: 'waiting' })
    await alarmed()
    liar().change = undefined
    await expectOneEffect(asked)
  })

  test('takes a call that the contract refuses: no gas is lost to it', async () => {
    const { person, fee } = await ask()
    const { request } = { request: here.register({ ...person }, fee) }
    await here.carry(request)
    await expectOneEffect({ person, fee, request })
    const gas = await chain().getBalance({ address: here.transactor().address })
    liar().change = ({ method }, result) => {
      if (!(result instanceof RpcError)) return result
      if (method === 'eth_estimateGas') return '0x30000'
      return method === 'eth_call' ? `0x${'00'.repeat(32)}` : result
    }
    const again = here.register(person, fee, { nonce: 2n })
    expect(await here.carry(again)).toMatchObject({ status: 'waiting' })
    await alarmed()
    liar().change = undefined
    await until(() => network().stateOf(idOf(crypto, again))?.status === 'refused')
    expect(await chain().getBalance({ address: here.transactor().address })).toBe(gas)
  })

  test('says that a call needs little gas: it gets what it needs', async () => {
    const asked = await ask()
    liar().change = ({ method }, result) => (method === 'eth_estimateGas' ? '0x15f90' : result)
    await here.carry(asked.request)
    await expectOneEffect(asked)
  })

  test('makes gas dear: nothing is offered that the other does not ask for', async () => {
    const asked = await ask()
    await handMining()
    const raws: `0x02${string}`[] = []
    honest().answer = (body) => {
      for (const [, raw] of body.matchAll(/"eth_sendRawTransaction","params":\["(0x02[0-9a-f]+)"\]/g)) {
        raws.push(raw as `0x02${string}`)
      }
      return undefined
    }
    const { baseFeePerGas } = await chain().getBlock({ blockTag: 'latest' })
    const most = 2n * (baseFeePerGas ?? 0n) + (await chain().estimateMaxPriorityFeePerGas())
    liar().change = ({ method }, result) => {
      if (method === 'eth_maxPriorityFeePerGas' || method === 'eth_gasPrice') return toHexNumber(gwei * 500n)
      return method === 'eth_getBlockByNumber'
        ? { ...(result as object), baseFeePerGas: toHexNumber(gwei * 500n) }
        : result
    }
    await here.carry(asked.request)
    await until(() => raws.length > 0)
    expect(parseTransaction(raws[0] as `0x02${string}`).maxFeePerGas).toBeLessThanOrEqual(most)
    liar().change = undefined
    await expectOneEffect(asked)
  })

  test('swallows what is sent through it: the other passes it on', async () => {
    const asked = await ask()
    liar().answer = (body) => (body.includes('eth_sendRawTransaction') ? 503 : undefined)
    await here.carry(asked.request)
    await expectOneEffect(asked)
  })

  test.each(['is away', 'serves another chain'])(
    '%s: the other goes on alone, and the operator is told',
    async (what) => {
      if (what === 'is away') liar().answer = () => 503
      else asks(liar(), 'eth_chainId', () => '0x89')
      const asked = await ask()
      await here.carry(asked.request)
      await expectOneEffect(asked)
      expect(await chainStatus()).toMatchObject({ reachable: true, endpoints: 2, endpointsAway: 1, disagreements: 0 })
      liar().answer = undefined
      liar().change = undefined
      await until(async () => (await chainStatus()).endpointsAway === 0)
    },
  )

  test('stands still in the past: it is left out, and the other goes on', async () => {
    const old = await chain().getBlock({ blockTag: 'latest' })
    const number = toHexNumber(old.number)
    const standing = (await here.node('eth_getBlockByNumber', number, false)) as object
    await here.passTime(3_600)
    liar().change = ({ method, params }, result) => {
      if (method === 'eth_blockNumber') return number
      if (method === 'eth_getTransactionCount') return '0x0'
      if (method === 'eth_getTransactionReceipt') return null
      return method === 'eth_getBlockByNumber' && params[0] === 'latest' ? standing : result
    }
    for (let times = 0; times < 2; times++) {
      const asked = await ask()
      await here.carry(asked.request)
      await expectOneEffect(asked)
    }
    expect((await chainStatus()).disagreements).toBe(0)
  })

  test('is away when another transaction took the nonce: only both together give it up', async () => {
    const asked = await ask()
    await handMining()
    await here.carry(asked.request)
    await inPool()
    const account = privateKeyToAccount(toHex(richKeys.transactor))
    const dearer = { maxFeePerGas: 2n * gwei, maxPriorityFeePerGas: (5n * gwei) / 4n }
    const to = { nonce: 0, to: account.address, gas: 21_000n, chainId: 31_337 }
    await here.node('eth_sendRawTransaction', await account.signTransaction({ type: 'eip1559', ...to, ...dearer }))
    liar().answer = () => 503
    await mine()
    const seen = asks(honest(), 'eth_getTransactionReceipt', (result) => result)
    await until(() => seen() > 20)
    expect((await network().status()).outbox.displaced).toBe(0)
    liar().answer = undefined
    honest().change = undefined
    await until(async () => (await network().status()).outbox.displaced === 1)
    await expectOneEffect(asked)
  })
})

test('block time that goes backward on all of them keeps nothing back and doubles nothing', async () => {
  for (const rpc of [here.rpc, here.second]) {
    rpc.change = ({ method }, result) =>
      method === 'eth_getBlockByNumber' ? { ...(result as object), timestamp: '0x1' } : result
  }
  const asked = await ask()
  await here.carry(asked.request)
  await expectOneEffect(asked)
  expect(await minedCount()).toBe(1)
})

const toHexNumber = (number: bigint): string => `0x${number.toString(16)}`
