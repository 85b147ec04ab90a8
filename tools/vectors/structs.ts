/**
 * Struct hashes, digests and signatures of everything that a contract checks.
 *
 * @module
 */
import {
  type AccountantPromise,
  accountantPromiseStruct,
  agreementStruct,
  beneficiaryChangeStruct,
  exitCancelStruct,
  exitRequestStruct,
  fastExitStruct,
  hashStruct,
  hashTypedData,
  maxUint256,
  myst,
  noTicks,
  type PaymentPromise,
  paymentPromiseStruct,
  registrationStruct,
  type Struct,
  settleInto,
  settleOrderStruct,
  settleWishStruct,
  stakeDecreaseStruct,
  toHex,
  typeString,
  urlChangeStruct,
  type ValueOf,
  zeroAddress,
  zeroBytes32,
} from '@myst/protocol'
import {
  crypto,
  identityOf,
  keyOf,
  namedAddress,
  namedWord,
  type Person,
  toJson,
  type Vector,
  type VectorFile,
} from './vector.ts'

const chainId = 31_337n
const channel = namedAddress("Alice's channel with Carol")
const accountant = namedAddress("Carol's accountant")
const registry = namedAddress('the registry')
const bob = identityOf('bob')
const carol = identityOf('carol')
const tom = namedAddress('Tom, the transactor')
const deadline = 1_800_003_600n

interface Case<V> {
  readonly name: string
  readonly why: string
  readonly value: V
  readonly signer: Person
  readonly chainId?: bigint
  readonly verifyingContract?: `0x${string}`
}

function fileOf<S extends Struct>(
  type: S,
  verifyingContract: `0x${string}`,
  about: string,
  cases: readonly Case<ValueOf<S>>[],
  extra: (value: ValueOf<S>) => object = () => ({}),
): VectorFile {
  return { about, vectors: cases.map((of) => vectorOf(type, verifyingContract, of, extra(of.value))) }
}

function vectorOf<S extends Struct>(
  type: S,
  usualContract: `0x${string}`,
  { name, why, value, signer, ...where }: Case<ValueOf<S>>,
  extra: object,
): Vector {
  const domain = { chainId: where.chainId ?? chainId, verifyingContract: where.verifyingContract ?? usualContract }
  const hash = hashTypedData(crypto, domain, type, value)
  return {
    name,
    why,
    typeString: typeString(type),
    ...(toJson(domain) as object),
    value: toJson(value),
    ...extra,
    structHash: toHex(hashStruct(crypto, type, value)),
    hash: toHex(hash),
    signer: identityOf(signer),
    privateKey: toHex(keyOf(signer)),
    signature: toHex(crypto.sign(hash, keyOf(signer))),
  }
}

const ones = `0x${'ff'.repeat(32)}` as const
const topAddress = `0x${'ff'.repeat(20)}` as const

function promises(): VectorFile {
  const agreement = { id: namedWord('agreement 1'), provider: bob, total: myst }
  const first: PaymentPromise = { amount: myst, hashlock: namedWord('lock 1'), agreement, ticks: noTicks }
  const cases: Case<PaymentPromise>[] = [
    { name: 'a first promise', why: 'amount and total are equal', value: first, signer: 'alice' },
    {
      name: 'a parallel session',
      why: 'the amount is for all sessions, the total for one',
      value: { ...first, amount: 7n * myst + 1n, agreement: { ...agreement, id: namedWord('agreement 2') } },
      signer: 'alice',
    },
    {
      name: 'the smallest values',
      why: 'every word is zero but the lock',
      value: {
        amount: 0n,
        hashlock: namedWord('lock 1'),
        agreement: { id: zeroBytes32, provider: zeroAddress, total: 0n },
        ticks: noTicks,
      },
      signer: 'alice',
    },
    {
      name: 'the largest values',
      why: 'W7: every bit of every word is set',
      value: {
        amount: maxUint256,
        hashlock: ones,
        agreement: { id: ones, provider: topAddress, total: maxUint256 },
        ticks: { root: ones, value: maxUint256, max: maxUint256 },
      },
      signer: 'alice',
    },
    {
      name: 'with ticks',
      why: 'reserved fields are part of the hash',
      value: { ...first, ticks: { root: namedWord('root'), value: 10n ** 12n, max: 1024n } },
      signer: 'alice',
    },
    { name: 'another chain', why: 'W17: the chain id is signed', value: first, signer: 'alice', chainId: 1n },
    {
      name: 'another channel',
      why: 'C7: the channel is signed',
      value: first,
      signer: 'alice',
      verifyingContract: namedAddress("Alice's channel with another accountant"),
    },
    { name: 'another signer', why: 'a stranger signs the same words', value: first, signer: 'bob' },
    {
      name: 'a lock that begins with zeros',
      why: 'no byte is trimmed',
      value: { ...first, hashlock: `0x${'00'.repeat(31)}01` },
      signer: 'alice',
    },
  ]
  const about =
    'PaymentPromise: signed by the consumer, valid at its channel. `ConsumerChannel.settle` takes agreementHash.'
  return fileOf(paymentPromiseStruct, channel, about, cases, (value) => ({
    agreementHash: toHex(hashStruct(crypto, agreementStruct, value.agreement)),
  }))
}

function accountantPromises(): VectorFile {
  const value: AccountantPromise = { provider: bob, amount: 8n * myst, hashlock: namedWord('lock 1') }
  return fileOf(
    accountantPromiseStruct,
    accountant,
    'AccountantPromise: signed by the operator, valid at its contract.',
    [
      { name: 'to Bob', why: 'the usual case', value, signer: 'carol' },
      { name: 'one base unit', why: 'the smallest sum', value: { ...value, amount: 1n }, signer: 'carol' },
      {
        name: 'the largest values',
        why: 'every bit is set',
        value: { provider: topAddress, amount: maxUint256, hashlock: ones },
        signer: 'carol',
      },
      { name: 'another chain', why: 'the chain id is signed', value, signer: 'carol', chainId: 137n },
      {
        name: 'another accountant',
        why: 'A9: the contract is signed',
        value,
        signer: 'carol',
        verifyingContract: namedAddress('another accountant'),
      },
    ],
  )
}

function settleOrders(): VectorFile {
  const value = {
    provider: bob,
    into: settleInto.wallet,
    amount: 5n * myst,
    beneficiary: zeroAddress,
    transactor: tom,
    fee: myst / 100n,
    allowPartial: false,
    nonce: 1n,
    deadline,
  }
  return fileOf(
    settleOrderStruct,
    accountant,
    'SettleOrder: signed by the provider, valid at the accountant contract.',
    [
      { name: 'into the wallet', why: 'Tom sends it for a fee', value, signer: 'bob' },
      { name: 'into stake', why: 'into = 1', value: { ...value, into: settleInto.stake }, signer: 'bob' },
      { name: 'partial', why: 'a bool is one word', value: { ...value, allowPartial: true }, signer: 'bob' },
      {
        name: 'to a new beneficiary, by anybody',
        why: 'no transactor, no fee',
        value: { ...value, beneficiary: carol, transactor: zeroAddress, fee: 0n },
        signer: 'bob',
      },
      {
        name: 'the largest values',
        why: 'every bit of every field is set',
        value: {
          provider: topAddress,
          into: 255,
          amount: maxUint256,
          beneficiary: topAddress,
          transactor: topAddress,
          fee: maxUint256,
          allowPartial: true,
          nonce: maxUint256,
          deadline: maxUint256,
        },
        signer: 'bob',
      },
    ],
  )
}

function registrations(): VectorFile {
  const value = {
    identity: identityOf('alice'),
    accountant,
    beneficiary: zeroAddress,
    transactor: tom,
    fee: myst / 10n,
    nonce: 0n,
    deadline,
  }
  return fileOf(registrationStruct, registry, 'Registration: signed by the identity, valid at the registry.', [
    { name: 'by Tom for a fee', why: 'the usual case', value, signer: 'alice' },
    { name: 'by anybody', why: 'no fee', value: { ...value, transactor: zeroAddress, fee: 0n }, signer: 'alice' },
    {
      name: 'with a beneficiary',
      why: 'a provider is paid elsewhere',
      value: { ...value, beneficiary: bob },
      signer: 'alice',
    },
    { name: 'nonce 2²⁵⁵', why: 'nonces are unordered', value: { ...value, nonce: 1n << 255n }, signer: 'alice' },
  ])
}

function exits(): Record<string, VectorFile> {
  const exit = { beneficiary: identityOf('alice'), transactor: tom, fee: myst / 100n, nonce: 7n, deadline }
  const free = { ...exit, transactor: zeroAddress, fee: 0n }
  const other = namedAddress('another channel')
  return {
    'exit-request': fileOf(exitRequestStruct, channel, 'ExitRequest: signed by the identity, valid at its channel.', [
      { name: 'by Tom for a fee', why: 'the fee comes out of the exit', value: exit, signer: 'alice' },
      { name: 'by anybody', why: 'no fee', value: free, signer: 'alice' },
      { name: 'another channel', why: 'the channel is signed', value: exit, signer: 'alice', verifyingContract: other },
    ]),
    'exit-cancel': fileOf(exitCancelStruct, channel, 'ExitCancel: signed by the identity, valid at its channel.', [
      { name: 'a cancelled exit', why: 'the usual case', value: { nonce: 8n, deadline }, signer: 'alice' },
      { name: 'for ever', why: 'the last deadline', value: { nonce: 0n, deadline: maxUint256 }, signer: 'alice' },
    ]),
    'fast-exit': fileOf(fastExitStruct, channel, 'FastExit: signed by identity and operator, valid at the channel.', [
      { name: "Alice's signature", why: 'one of two', value: { amount: 2n * myst, ...exit }, signer: 'alice' },
      {
        name: "Carol's signature",
        why: 'the other, over the same hash',
        value: { amount: 2n * myst, ...exit },
        signer: 'carol',
      },
      { name: 'by anybody', why: 'no fee', value: { amount: maxUint256, ...free }, signer: 'alice' },
    ]),
  }
}

function providerMessages(): Record<string, VectorFile> {
  const decrease = { provider: bob, amount: 3n * myst, transactor: tom, fee: myst / 100n, nonce: 2n, deadline }
  const wish = { provider: bob, anyone: true, payouts: false, nonce: 4n, deadline }
  const change = { identity: bob, beneficiary: carol, nonce: 3n, deadline }
  return {
    'stake-decrease': fileOf(
      stakeDecreaseStruct,
      accountant,
      'StakeDecrease: signed by the provider, valid at the accountant.',
      [
        { name: 'by Tom for a fee', why: 'the usual case', value: decrease, signer: 'bob' },
        { name: 'by anybody', why: 'no fee', value: { ...decrease, transactor: zeroAddress, fee: 0n }, signer: 'bob' },
        { name: 'another chain', why: 'the chain id is signed', value: decrease, signer: 'bob', chainId: 1n },
      ],
    ),
    'settle-wish': fileOf(
      settleWishStruct,
      accountant,
      'SettleWish: signed by the provider, valid at the accountant.',
      [
        { name: 'anybody may settle', why: 'the first of two bools', value: wish, signer: 'bob' },
        {
          name: 'scheduled payouts',
          why: 'the second of two bools',
          value: { ...wish, anyone: false, payouts: true },
          signer: 'bob',
        },
        { name: 'neither', why: 'the end of both', value: { ...wish, anyone: false }, signer: 'bob' },
        { name: 'another chain', why: 'the chain id is signed', value: wish, signer: 'bob', chainId: 1n },
      ],
    ),
    'beneficiary-change': fileOf(
      beneficiaryChangeStruct,
      registry,
      'BeneficiaryChange: signed by the identity, valid at the registry.',
      [
        { name: 'to Carol', why: 'the usual case', value: change, signer: 'bob' },
        { name: 'back to the default', why: 'zero', value: { ...change, beneficiary: zeroAddress }, signer: 'bob' },
      ],
    ),
  }
}

function operatorMessages(): Record<string, VectorFile> {
  const change = { accountant, url: 'https://carol.example', nonce: 5n, deadline }
  return {
    'url-change': fileOf(
      urlChangeStruct,
      registry,
      'UrlChange: signed by the operator, valid at the registry. A string is hashed as its UTF-8 bytes.',
      [
        { name: 'a new address', why: 'the usual case', value: change, signer: 'carol' },
        { name: 'no address', why: 'an empty string is hashed too', value: { ...change, url: '' }, signer: 'carol' },
        {
          name: 'letters of several bytes',
          why: 'bytes, not letters, are hashed',
          value: { ...change, url: 'https://münze.example/路' },
          signer: 'carol',
        },
        { name: 'another chain', why: 'the chain id is signed', value: change, signer: 'carol', chainId: 1n },
      ],
    ),
  }
}

export const structVectors = (): Record<string, VectorFile> => ({
  promise: promises(),
  'accountant-promise': accountantPromises(),
  'settle-order': settleOrders(),
  registration: registrations(),
  ...exits(),
  ...providerMessages(),
  ...operatorMessages(),
})
