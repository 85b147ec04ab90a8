import type { Sender } from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, encodeMessage, Fault, toHex, transactorRequestSchema, zeroAddress } from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import { beforeEach, expect, test } from 'vitest'
import { createCarrier } from './carrier.ts'

const crypto = await loadNativeCrypto()
const at = (byte: string): Address => `0x${byte.repeat(20)}`
const [accountant, transactor, registry] = [at('aa'), at('77'), at('99')]
const hash = toHex(new Uint8Array(32).fill(1))
const refused = (error: string) => new Fault('transaction-refused', { function: 'registerIdentity', error })

/** What the chain says next: to a simulation, and to the transaction once it is mined. */
type Answer = { readonly simulated?: Fault; readonly mined?: Fault }

let store: RecordStore
let nowMs: number
beforeEach(() => {
  store = createMemoryStore()
  nowMs = 1_000_000
})

function carrierOf(...answers: Answer[]) {
  const faults: Fault[] = []
  const next = () => answers.shift() ?? {}
  const sender = {
    address: transactor,
    async simulate() {
      const { simulated } = next()
      if (simulated !== undefined) throw simulated
    },
    async send(_call: unknown, onSimulated?: () => void) {
      const { simulated, mined } = next()
      if (simulated !== undefined) throw simulated
      onSimulated?.()
      if (mined !== undefined) throw mined
      return { transactionHash: hash }
    },
  } as unknown as Sender
  const quoter = { leastFee: async () => 0n, quote: () => Promise.reject(new Error('not asked')) }
  const carrier = createCarrier(
    { crypto, store, sender, quoter, now: () => nowMs, onFault: (fault) => faults.push(fault) },
    { registry, accountants: [accountant] },
  )
  return { carrier, faults }
}

function requestOf(byte: string, deadline = 2_000n): Uint8Array {
  const identity = at(byte)
  const registration = { identity, accountant, beneficiary: zeroAddress, transactor, fee: 1n, nonce: 1n, deadline }
  return encodeMessage(transactorRequestSchema, { kind: 'register', registration, signature: new Uint8Array(65) })
}
const idOf = (request: Uint8Array) => toHex(crypto.keccak256(request))
const away = new Fault('chain-unreachable', {})
const reverted = new Fault('transaction-reverted', { hash })

test('what the simulation refuses is answered, and leaves nothing on disk', async () => {
  const request = requestOf('01')
  const { carrier } = carrierOf({ simulated: refused('WrongSigner') })
  const answer = await carrier.carry(request)
  expect(answer).toMatchObject({ ok: true, value: { status: 'refused', code: 'WrongSigner' } })
  expect(await carrier.carry(request)).toEqual(answer)
  expect(carrierOf().carrier.stateOf(idOf(request))).toBeUndefined()
})

test('a first transaction that is mined only after the second was sent counts as mined', async () => {
  const request = requestOf('01')
  await expect(carrierOf({ mined: away }).carrier.carry(request)).rejects.toThrow('chain-unreachable')
  const { carrier } = carrierOf({ mined: reverted }, { simulated: refused('AlreadyRegistered') })
  await carrier.resume()
  expect(carrier.stateOf(idOf(request))).toMatchObject({ status: 'mined' })
})

test('one request that fails when resumed stays waiting and keeps nobody else', async () => {
  const requests = [requestOf('01'), requestOf('02')]
  for (const request of requests)
    await carrierOf({ mined: away })
      .carrier.carry(request)
      .catch(() => {})
  const { carrier, faults } = carrierOf({ simulated: away })
  await carrier.resume()
  expect(requests.map((request) => carrier.stateOf(idOf(request))?.status)).toEqual(['waiting', 'mined'])
  expect(faults).toEqual([away])
})

test('an answer is dropped an hour after the deadline of its request', async () => {
  const [old, young] = [requestOf('01', 2_000n), requestOf('02', 20_000n)]
  const { carrier } = carrierOf()
  await carrier.carry(old)
  nowMs = 2_000_000 + 3_600_001
  await carrier.carry(young)
  expect([old, young].map((request) => carrier.stateOf(idOf(request))?.status)).toEqual([undefined, 'mined'])
  expect(carrierOf().carrier.stateOf(idOf(old))).toBeUndefined()
})
