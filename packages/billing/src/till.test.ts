import {
  type Address,
  type Bytes32,
  channelAddress,
  referenceCrypto as crypto,
  hashPromise,
  noTicks,
  toHex,
  uintToBytes,
  zeroBytes32,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { beforeEach, expect, test } from 'vitest'
import { deskKey } from './desk-records.ts'
import type { ExchangeDesk } from './exchange-desk.ts'
import { deriveKeys } from './keys.ts'
import { paymentPolicy } from './payment-policy.ts'
import type { Tab } from './tab.ts'
import { type Customer, openTill, type Till } from './till.ts'

const alice = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const bob = deriveKeys(crypto, new Uint8Array(32).fill(0xb0))
const at = (byte: number): Address => toHex(new Uint8Array(20).fill(byte))
const contracts = { token: at(1), registry: at(2), channelImplementation: at(3), accountantImplementation: at(4) }
const chainId = 31337n
const carol = at(0xcc)
const channel = { chainId, channel: channelAddress(crypto, contracts, alice.identity, carol) }
const policy = paymentPolicy(1n, { minInvoiceMs: 1 })
/** One base unit a millisecond, so that time is money. */
const price = { perHour: 3_600_000n, perGib: 0n }
let till: Till
let elapsedMs: number
let tabs: number
let promised: bigint
let forgotten: string[]

beforeEach(() => {
  ;[elapsedMs, tabs, promised] = [0, 0, 0n]
  forgotten = []
  const desk = {
    accountant: { address: carol },
    hashlock: toHex(new Uint8Array(32).fill(7)),
    standing: { uncredited: 0n },
    stopped: false,
    add() {},
    forget: (key: string) => void forgotten.push(key),
    flush: async () => {},
  } as unknown as ExchangeDesk
  const clock = { nowMs: () => 0, elapsedMs: () => elapsedMs }
  till = openTill(
    { crypto, clock, store: createMemoryStore(), desks: () => new Map([[carol, desk]]), log() {} },
    { keys: bob, profile: { chainId, contracts }, policy },
  )
})

function open(hears: Partial<Customer> = {}): Tab {
  const agreementId: Bytes32 = toHex(uintToBytes(BigInt(++tabs)))
  const of = { agreementId, consumer: alice.identity, accountant: carol, price, capacity: 10n ** 30n, promised }
  return till.open({ ...of, ...hears, host: '198.51.100.7' })
}

/** Pays what is due, and the accountant credits it. */
function pay(tab: Tab): void {
  const due = tab.due
  if (due === undefined) return
  promised += due.total - tab.state.paidTotal
  const agreement = { id: tab.agreementId, provider: bob.identity, total: due.total }
  const promise = { amount: promised, hashlock: due.hashlock, agreement, ticks: noTicks }
  const delta = due.total - tab.state.paidTotal
  const signed = {
    consumer: alice.identity,
    promise,
    signature: crypto.sign(hashPromise(crypto, channel, promise), alice.privateKey),
  }
  const taken = tab.pay(signed)
  if (!taken.ok) throw new Error(taken.refusal.code)
  till.credited([{ key: '', signed, verdict: { delta } }])
}

const servedOn = new WeakMap<Tab, bigint>()
/** Takes all that is served before it is paused. @returns what that is worth. */
function take(tab: Tab, most = 10n ** 18n): bigint {
  const before = servedOn.get(tab) ?? 0n
  let served = before
  const step = policy.firstInvoiceAmount
  while (served - before < most) {
    tab.count({ durationMs: served + step, bytes: 0n })
    if (tab.state.phase !== 'serving') break
    served += step
  }
  servedOn.set(tab, served)
  return served - before
}

test('who comes again and again for what it does not pay gets less each time, and soon next to nothing', () => {
  const known = open()
  pay(known)
  known.close()
  let free = 0n
  for (let round = 0; round < 50; round++) {
    const tab = open()
    free += take(tab)
    tab.close()
  }
  expect(free).toBeGreaterThan(policy.firstCredit)
  expect(free).toBeLessThan(5n * policy.firstCredit)
})

test('a paid first invoice buys no new credit for who owes', () => {
  let [free, paid] = [0n, 0n]
  for (let round = 0; round < 50; round++) {
    const tab = open()
    pay(tab)
    paid += tab.state.paidTotal
    free += take(tab)
    tab.close()
  }
  expect(free - paid).toBeLessThan(10n * policy.firstCredit)
})

test('what is paid and credited is forgotten at its end, by the desk too; what is owed is not', () => {
  const paid = open()
  pay(paid)
  expect(forgotten).toEqual([])
  paid.close(true)
  const owing = open()
  take(owing)
  owing.close()
  expect(forgotten).toEqual([deskKey(alice.identity, paid.agreementId)])
})

test('ten times as much, paid, makes good for it; and what we end ourselves is held against nobody', () => {
  const known = open()
  pay(known)
  known.close()
  const left = open()
  const lost = take(left)
  left.close()
  expect(till.creditFor({ agreementId: left.agreementId, consumer: alice.identity, host: '' })).toBe(0n)
  const honest = open()
  let paid = 0n
  for (let round = 0; round < 4000 && paid < 11n * lost; round++) {
    elapsedMs += 1000
    take(honest, 10n * policy.firstInvoiceAmount)
    pay(honest)
    paid = honest.state.paidTotal
  }
  expect(paid).toBeGreaterThan(10n * lost)
  pay(honest)
  honest.close(true)
  const again = open()
  expect(again.state.credit).toBe(policy.firstCredit)
  take(again)
  again.close(true)
  expect(open().state.credit).toBe(policy.firstCredit)
})

test('a consumer that is proven to break its word is served in no session; one that is only said to, in that one not', () => {
  const ended: string[] = []
  const hear = (name: string) => ({ onRefused: (code: string) => void ended.push(`${name}: ${code}`) })
  const one = open(hear('one'))
  open(hear('two'))
  const due = one.due
  if (due === undefined) throw new Error('nothing is due')
  const agreement = { id: one.agreementId, provider: bob.identity, total: due.total }
  const promise = { amount: due.total, hashlock: due.hashlock, agreement, ticks: noTicks }
  const signed = { consumer: alice.identity, promise, signature: new Uint8Array(65) }
  const verdict = { code: 'promise-breaks-prefix', delta: 0n, final: true }
  const outcome = { key: '', signed, verdict }
  till.credited([outcome])
  expect(ended.splice(0)).toEqual(['one: promise-breaks-prefix'])
  till.credited([{ ...outcome, proven: true }])
  expect(ended).toEqual(['one: promise-breaks-prefix', 'two: promise-breaks-prefix'])
})

test('what was served for a promise that is proven to be worth nothing is owed', () => {
  const tab = open()
  const agreement = { id: tab.agreementId, provider: bob.identity, total: policy.firstCredit }
  const promise = { amount: policy.firstCredit, hashlock: tab.due?.hashlock ?? zeroBytes32, agreement, ticks: noTicks }
  const signed = { consumer: alice.identity, promise, signature: new Uint8Array(65) }
  const verdict = { code: 'promise-breaks-prefix', delta: 0n, final: true }
  till.credited([{ key: '', signed, verdict }])
  expect(open().terms.firstCredit).toBe(policy.firstCredit)
  till.credited([{ key: '', signed, verdict, proven: true }])
  expect(open().terms.firstCredit).toBe(policy.firstInvoiceAmount)
})

test('a promise that repeats what its channel had promised before pays nothing', () => {
  promised = 10n ** 18n
  const tab = open()
  expect(till.promisedBefore(tab.agreementId)).toBe(promised)
  promised -= 1n
  expect(() => pay(tab)).toThrow('promise-amount-short')
  promised = 10n ** 18n
  pay(tab)
})
