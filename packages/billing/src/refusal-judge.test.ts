import {
  type Address,
  channelAddress,
  referenceCrypto as crypto,
  Fault,
  hashPromise,
  type ItemRefusalCode,
  noTicks,
  type SignedPromise,
  toHex,
} from '@myst/protocol'
import { expect, test } from 'vitest'
import { type JudgeDeps, judgeRefusals } from './refusal-judge.ts'

const person = (fill: number) => {
  const privateKey = new Uint8Array(32).fill(fill)
  return { identity: crypto.addressOf(privateKey), privateKey }
}
const [alice, bob, carol, dave, mallory] = [0xa1, 0xb0, 0xca, 0xda, 0xbad].map(person) as [
  Person,
  Person,
  Person,
  Person,
  Person,
]
type Person = ReturnType<typeof person>
const at = (fill: number) => toHex(new Uint8Array(20).fill(fill)) as Address
const contracts = { token: at(1), registry: at(2), channelImplementation: at(3), accountantImplementation: at(4) }
const accountant = at(0xcc)
const scope = { chainId: 31_337n, contracts, accountant }
const channelOf = (at: Address) => channelAddress(crypto, contracts, alice.identity, at)

function promise(amount: bigint, total: bigint, provider = bob, channel = channelOf(accountant)): SignedPromise {
  const id = toHex(new Uint8Array(32).fill(7))
  const agreement = { id, provider: provider.identity, total }
  const signed = { amount, hashlock: id, agreement, ticks: noTicks }
  const hash = hashPromise(crypto, { chainId: scope.chainId, channel }, signed)
  return { consumer: alice.identity, promise: signed, signature: crypto.sign(hash, alice.privateKey) }
}

const refused = promise(100n, 40n)

async function isProven(
  code: ItemRefusalCode,
  { proof, leaves = false, ...deps }: { proof?: readonly SignedPromise[]; leaves?: boolean } & Partial<JudgeDeps> = {},
): Promise<boolean> {
  const judge = { crypto, isLeaving: async () => leaves, ...deps }
  const verdict = { code, delta: 0n, final: true, ...(proof === undefined ? {} : { proof }) }
  return (await judgeRefusals(judge, scope, [{ signed: refused, verdict }])).has(refused)
}

const twice = [promise(101n, 70n, dave)]

test.each(['promise-breaks-prefix', 'promise-amount-behind'] as const)(
  '%s is proven by promises alone',
  async (code) => {
    expect(await isProven(code, { proof: twice })).toBe(true)
    expect(await isProven(code, { proof: [promise(110n, 70n, dave)] })).toBe(false)
    expect(await isProven(code, { proof: [promise(101n, 70n, dave, channelOf(carol.identity))] })).toBe(false)
    expect(await isProven(code, { proof: [{ ...promise(101n, 70n, dave), consumer: mallory.identity }] })).toBe(false)
    expect(await isProven(code, { leaves: true })).toBe(false)
  },
)

test('what is known of the beginning of an agreement counts', async () => {
  const proof = [promise(50n, 1n, dave), promise(80n, 25n, dave)]
  expect(await isProven('promise-breaks-prefix', { proof })).toBe(false)
  expect(await isProven('promise-breaks-prefix', { proof, promisedBefore: () => 50n })).toBe(true)
})

test('an exit is proven by our own view of the chain', async () => {
  expect(await isProven('promise-channel-closing', { leaves: true })).toBe(true)
  expect(await isProven('promise-channel-closing', { proof: twice })).toBe(false)
})

test('what is too old is proven by nothing: the accountant may have been paid it', async () => {
  expect(await isProven('promise-too-old', { proof: twice, leaves: true })).toBe(false)
})

test('where the chain is away nothing is judged; without one an exit is not proven', async () => {
  const isLeaving = async (): Promise<boolean> => {
    throw new Fault('chain-unreachable')
  }
  await expect(isProven('promise-channel-closing', { isLeaving })).rejects.toThrow('chain-unreachable')
  const verdict = { code: 'promise-channel-closing', delta: 0n, final: true }
  expect((await judgeRefusals({ crypto }, scope, [{ signed: refused, verdict }])).size).toBe(0)
})

test.each(['promise-shape', 'promise-wrong-lock', 'promise-total-not-increasing', 'promise-wrong-signer'] as const)(
  '%s is proven by nothing: we looked ourselves',
  async (code) => {
    expect(await isProven(code, { proof: twice, leaves: true })).toBe(false)
  },
)

test('one answer makes it look at no more than 64 channels, each once', async () => {
  let looks = 0
  const isLeaving = async () => {
    looks += 1
    return true
  }
  const verdict = { code: 'promise-channel-closing', delta: 0n, final: true }
  const of = (number: number) => ({ signed: { ...refused, consumer: at(number % 100) }, verdict })
  const many = Array.from({ length: 300 }, (_, number) => of(number))
  const proven = await judgeRefusals({ crypto, isLeaving }, scope, many)
  expect([looks, proven.size]).toEqual([64, 192])
})
