import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, type Batch, batchContent, Fault, hashlockOf, noTicks, signContent, toHex } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import type { ChannelView } from './channel-view.ts'
import { createExchangeService } from './exchange-service.ts'
import { openLedger } from './ledger/index.ts'

const crypto = await loadNativeCrypto()
const bobKey = new Uint8Array(32).fill(0xb0)
const bob = crypto.addressOf(bobKey)
const accountant: Address = `0x${'aa'.repeat(20)}`
const domain = { chainId: 31337n, verifyingContract: accountant }

test('a batch that can credit nothing, and one answered before, cost no look at a channel', async () => {
  let looks = 0
  const channels: ChannelView = {
    addressOf: () => accountant,
    async look() {
      looks += 1
      throw new Fault('chain-unreachable')
    },
    forget() {},
  }
  const ledger = openLedger(createMemoryStore())
  const operatorKey = new Uint8Array(32).fill(0xca)
  const service = createExchangeService(
    { crypto, ledger, channels, now: Date.now },
    { chainId: domain.chainId, accountant, operatorKey, feeRate: 0, minDelta: 1n },
  )
  const hashlock = hashlockOf(crypto, new Uint8Array(32).fill(1))
  const agreement = { id: toHex(new Uint8Array(32).fill(2)), provider: bob, total: 5n }
  const promise = { amount: 5n, hashlock, agreement, ticks: noTicks }
  const items = [{ consumer: accountant, promise, signature: new Uint8Array(65) }]
  const send = (change: Partial<Batch>) => {
    const batch: Batch = { provider: bob, epoch: 1n, hashlock, previousAmount: 0n, items, ...change }
    return service.exchange(signContent(crypto, domain, batchContent, batch, bobKey))
  }

  expect(await send({ previousAmount: 7n })).toMatchObject({ code: 'batch-previous-amount' })
  expect((await send({ items: [] })).kind).toBe('answered')
  expect((await send({})).kind).toBe('already-answered')
  expect(looks).toBe(0)
  expect(await send({ epoch: 2n, lastPreimage: new Uint8Array(32).fill(1) })).toMatchObject({
    code: 'accountant-unavailable',
  })
  expect(looks).toBe(1)
})
