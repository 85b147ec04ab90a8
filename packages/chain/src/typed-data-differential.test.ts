import * as protocol from '@myst/protocol'
import { alice, readVectors } from '@myst/testkit'
import fc from 'fast-check'
import {
  encodeAbiParameters,
  getContractAddress,
  hashTypedData,
  keccak256,
  recoverAddress,
  recoverTypedDataAddress,
  type TypedDataDomain,
} from 'viem'
import { describe, expect, test } from 'vitest'

// viem is an oracle of its own here: it shares no code with `protocol`.

const crypto = protocol.referenceCrypto
const structs: readonly protocol.Struct[] = [
  protocol.paymentPromiseStruct,
  protocol.accountantPromiseStruct,
  protocol.settleOrderStruct,
  protocol.registrationStruct,
  protocol.exitRequestStruct,
  protocol.exitCancelStruct,
  protocol.fastExitStruct,
  protocol.stakeDecreaseStruct,
  protocol.beneficiaryChangeStruct,
  protocol.settleWishStruct,
  protocol.urlChangeStruct,
]

const hex = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(protocol.toHex)
const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
const atoms = {
  uint256: fc.oneof(uint(256), uint(8), fc.constant(protocol.maxUint256)),
  uint64: uint(64),
  uint8: fc.nat(255),
  address: hex(20),
  bytes32: hex(32),
  bool: fc.boolean(),
  string: fc.string({ unit: 'grapheme' }),
} as const

function anyOf(type: protocol.Struct): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(type.fields).map(([name, of]) => [name, typeof of === 'string' ? atoms[of] : anyOf(of)])
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>)
}

/** Our declaration as viem writes types. */
function typesOf(type: protocol.Struct): Record<string, { name: string; type: string }[]> {
  const nested = Object.values(type.fields).filter((of) => typeof of !== 'string')
  const own = Object.entries(type.fields).map(([name, of]) => ({ name, type: typeof of === 'string' ? of : of.name }))
  return Object.assign({ [type.name]: own }, ...nested.map(typesOf))
}

const domains = fc.record({ chainId: uint(256), verifyingContract: hex(20) })

describe('C6: any value in range has the hash that viem gives it', () => {
  test.each(structs)('$name', (type) => {
    fc.assert(
      fc.property(domains, anyOf(type), (domain, message) => {
        const theirs = hashTypedData({
          domain: { name: 'Mysterium Payments', version: '1', ...domain } as TypedDataDomain,
          types: typesOf(type),
          primaryType: type.name,
          message,
        })
        const ours = protocol.hashTypedData(crypto, domain, type, message as protocol.ValueOf<protocol.Struct>)
        expect(protocol.toHex(ours)).toBe(theirs)
      }),
      { numRuns: 60 },
    )
  })

  test('and in the domain of a network', () => {
    const type = protocol.struct('Proposal', { content: 'bytes32' })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), hex(32), (networkId, content) => {
        const salt = keccak256(new TextEncoder().encode(networkId))
        const domain = { name: 'Mysterium Network', version: '1', salt }
        const theirs = hashTypedData({ domain, types: typesOf(type), primaryType: type.name, message: { content } })
        expect(protocol.toHex(protocol.hashTypedData(crypto, { networkId }, type, { content }))).toBe(theirs)
      }),
      { numRuns: 40 },
    )
  })
})

describe('published vectors, by viem', () => {
  const accepted = readVectors<{ digest: protocol.Hex; signature: protocol.Hex; accepted: boolean; signer: string }>(
    'signature',
  ).filter((vector) => vector.accepted)
  test.each(accepted)('$name', async ({ digest, signature, signer }) => {
    expect((await recoverAddress({ hash: digest, signature })).toLowerCase()).toBe(signer)
  })

  const addresses = readVectors<protocol.ChannelFactory & Record<'identity' | 'accountant' | 'address', protocol.Hex>>(
    'channel-address',
  )
  test.each(addresses)(
    'channel address: $name',
    ({ registry, channelImplementation, identity, accountant, address }) => {
      const args = `${identity.slice(2)}${accountant.slice(2)}`
      const proxy = `363d3d373d3d3d363d73${channelImplementation.slice(2)}5af43d82803e903d91602b57fd5bf3`
      const bytecode = `0x6100553d81600a3d39f3${proxy}${args}` as const
      const predicted = getContractAddress({
        opcode: 'CREATE2',
        from: registry,
        salt: keccak256(`0x${args}`),
        bytecode,
      })
      expect(predicted.toLowerCase()).toBe(address)
    },
  )
})

test("viem recovers Alice from Alice's promise", async () => {
  const channel = { chainId: 31_337n, channel: `0x${'c1'.repeat(20)}` } as const
  const agreement = { id: `0x${'01'.repeat(32)}`, provider: `0x${'b0'.repeat(20)}`, total: 5n } as const
  const promise = { amount: 7n, hashlock: `0x${'02'.repeat(32)}`, agreement, ticks: protocol.noTicks } as const
  const signature = crypto.sign(protocol.hashPromise(crypto, channel, promise), alice.privateKey)
  const signer = await recoverTypedDataAddress({
    domain: { name: 'Mysterium Payments', version: '1', chainId: 31_337, verifyingContract: channel.channel },
    types: typesOf(protocol.paymentPromiseStruct),
    primaryType: 'PaymentPromise',
    message: promise,
    signature: protocol.toHex(signature),
  })
  expect(signer.toLowerCase()).toBe(alice.identity)
})

test('the agreement hash is what abi.encode makes of it', () => {
  const typeHash = keccak256(new TextEncoder().encode('Agreement(bytes32 id,address provider,uint256 total)'))
  fc.assert(
    fc.property(hex(32), hex(20), uint(256), (id, provider, total) => {
      const words = encodeAbiParameters(
        [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'address' }, { type: 'uint256' }],
        [typeHash, id, provider, total],
      )
      expect(protocol.hashAgreement(crypto, { id, provider, total })).toBe(keccak256(words))
    }),
    { numRuns: 40 },
  )
})
