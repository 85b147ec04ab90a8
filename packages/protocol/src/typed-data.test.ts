import { readVectors } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxUint256 } from './amount.ts'
import { type Address, fromHex, type Hex, toHex } from './bytes.ts'
import { agreementStruct, paymentPromiseStruct } from './payment-promise.ts'
import { referenceCrypto as crypto } from './reference-crypto.ts'
import * as messages from './signed-messages.ts'
import { type Domain, hashStruct, hashTypedData, type Struct, struct, typeString, type ValueOf } from './typed-data.ts'

interface StructVector {
  readonly typeString: string
  readonly chainId: string
  readonly verifyingContract: Address
  readonly value: object
  readonly agreementHash?: Hex
  readonly structHash: Hex
  readonly hash: Hex
  readonly signer: Address
  readonly privateKey: Hex
  readonly signature: Hex
}

const structs: Readonly<Record<string, Struct>> = {
  promise: paymentPromiseStruct,
  'accountant-promise': messages.accountantPromiseStruct,
  'settle-order': messages.settleOrderStruct,
  registration: messages.registrationStruct,
  'exit-request': messages.exitRequestStruct,
  'exit-cancel': messages.exitCancelStruct,
  'fast-exit': messages.fastExitStruct,
  'stake-decrease': messages.stakeDecreaseStruct,
  'settle-wish': messages.settleWishStruct,
  'url-change': messages.urlChangeStruct,
  'beneficiary-change': messages.beneficiaryChangeStruct,
}

/** The JSON of a vector as the domain types: decimal strings become bigints where the struct says so. */
function read(type: Struct, json: object): ValueOf<Struct> {
  const entries = Object.entries(type.fields).map(([name, of]) => {
    const field = (json as Record<string, unknown>)[name]
    if (typeof of !== 'string') return [name, read(of, field as object)]
    return [name, of === 'uint256' || of === 'uint64' ? BigInt(field as string) : field]
  })
  return Object.fromEntries(entries) as ValueOf<Struct>
}

const rows = Object.entries(structs).flatMap(([subject, type]) =>
  readVectors<StructVector>(subject).map((vector) => ({ ...vector, subject, type })),
)

describe('published vectors', () => {
  test.each(rows)('$subject: $name', ({ type, ...vector }) => {
    const value = read(type, vector.value)
    const domain = { chainId: BigInt(vector.chainId), verifyingContract: vector.verifyingContract }
    expect(typeString(type)).toBe(vector.typeString)
    expect(toHex(hashStruct(crypto, type, value))).toBe(vector.structHash)
    expect(toHex(hashTypedData(crypto, domain, type, value))).toBe(vector.hash)
    expect(crypto.recover(fromHex(vector.hash), fromHex(vector.signature))).toBe(vector.signer)
    expect(toHex(crypto.sign(fromHex(vector.hash), fromHex(vector.privateKey)))).toBe(vector.signature)
    if (vector.agreementHash === undefined) return
    const agreement = (value as unknown as ValueOf<typeof paymentPromiseStruct>).agreement
    expect(toHex(hashStruct(crypto, agreementStruct, agreement))).toBe(vector.agreementHash)
  })

  test('no two of them have the same hash but those that two people signed', () => {
    const words = rows.map(({ type: _, hash, signer }) => `${hash}/${signer}`)
    expect(new Set(words).size).toBe(rows.length)
  })
})

describe('C7: no signature is good for another type, contract or chain', () => {
  const two: readonly Domain[] = [
    { chainId: 1n, verifyingContract: `0x${'11'.repeat(20)}` },
    { chainId: 2n, verifyingContract: `0x${'11'.repeat(20)}` },
    { chainId: 1n, verifyingContract: `0x${'22'.repeat(20)}` },
    { chainId: 2n, verifyingContract: `0x${'22'.repeat(20)}` },
    { networkId: 'devnet' },
    { networkId: 'mainnet' },
  ]
  /** Types with the very same fields, and pairs that differ in their name alone. */
  const types = [
    struct('Registration', { a: 'uint256', b: 'address' }),
    struct('ExitRequest', { a: 'uint256', b: 'address' }),
    struct('ExitRequest', { b: 'uint256', a: 'address' }),
    struct('ExitRequest', { a: 'uint256', b: 'bytes32' }),
  ]
  const words = { a: 1n, b: `0x${'00'.repeat(20)}` } as const
  const turned = { a: words.b, b: words.a } as const

  test('all pairs differ', () => {
    const hashes = two.flatMap((domain) =>
      types.map((type, index) => {
        const value = index === 2 ? turned : index === 3 ? { a: 1n, b: `0x${'00'.repeat(32)}` } : words
        return toHex(hashTypedData(crypto, domain, type as Struct, value as unknown as ValueOf<Struct>))
      }),
    )
    expect(new Set(hashes).size).toBe(two.length * types.length)
  })
})

describe('C6, W7: a value out of range is refused before it is hashed', () => {
  const every = struct('Every', {
    whole: 'uint256',
    half: 'uint64',
    small: 'uint8',
    who: 'address',
    word: 'bytes32',
    yes: 'bool',
    name: 'string',
  })
  const good = {
    whole: maxUint256,
    half: (1n << 64n) - 1n,
    small: 255,
    who: `0x${'ff'.repeat(20)}`,
    word: `0x${'ff'.repeat(32)}`,
    yes: true,
    name: 'ü',
  } as const
  const hash = (changes: object) => toHex(hashStruct(crypto, every, { ...good, ...changes } as ValueOf<typeof every>))

  test('the limits themselves are in range', () => expect(hash({})).toHaveLength(66))

  const bad: [field: string, value: unknown][] = [
    ['whole', maxUint256 + 1n],
    ['whole', -1n],
    ['whole', 1],
    ['whole', '1'],
    ['whole', undefined],
    ['half', 1n << 64n],
    ['half', -1n],
    ['small', 256],
    ['small', -1],
    ['small', 1.5],
    ['small', Number.NaN],
    ['small', 1n],
    ['who', `0x${'ff'.repeat(19)}`],
    ['who', `0x${'ff'.repeat(21)}`],
    ['who', `0x${'ff'.repeat(32)}`],
    ['who', `0x${'FF'.repeat(20)}`],
    ['who', 'ff'.repeat(20)],
    ['word', `0x${'ff'.repeat(31)}`],
    ['word', `0x${'ff'.repeat(33)}`],
    ['word', `0x${'ff'.repeat(20)}`],
    ['word', new Uint8Array(32)],
    ['yes', 1],
    ['yes', 'true'],
    ['yes', undefined],
    ['name', 1],
    ['name', undefined],
    ['name', '\ud800'],
  ]
  test.each(bad)('%s = %s', (field, value) => expect(() => hash({ [field]: value })).toThrow(RangeError))

  test('a domain with a chain id above 256 bits, or no address', () => {
    const at = (domain: object) => () => hashTypedData(crypto, domain as Domain, every, good)
    expect(at({ chainId: 1n << 256n, verifyingContract: good.who })).toThrow(RangeError)
    expect(at({ chainId: -1n, verifyingContract: good.who })).toThrow(RangeError)
    expect(at({ chainId: 1n, verifyingContract: `0x${'ff'.repeat(32)}` })).toThrow(RangeError)
  })

  test('different values never share a hash', () => {
    const value = fc.record({
      whole: fc.bigInt({ min: 0n, max: maxUint256 }),
      half: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      small: fc.nat(255),
      yes: fc.boolean(),
    })
    fc.assert(
      fc.property(value, value, (a, b) => {
        const same = a.whole === b.whole && a.half === b.half && a.small === b.small && a.yes === b.yes
        expect(hash(a) === hash(b)).toBe(same)
      }),
    )
  })
})

test('nested types are named once each, in alphabetical order', () => {
  const inner = struct('Inner', { a: 'uint256' })
  const middle = struct('Middle', { first: inner, second: inner })
  const outer = struct('Aouter', { z: middle, i: inner })
  expect(typeString(outer)).toBe('Aouter(Middle z,Inner i)Inner(uint256 a)Middle(Inner first,Inner second)')
})
