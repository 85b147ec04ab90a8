import { readVectors } from '@myst/testkit'
import { expect, test } from 'vitest'
import type { Address } from './bytes.ts'
import { type ChannelFactory, channelAddress } from './channel-address.ts'
import { referenceCrypto as crypto } from './reference-crypto.ts'

interface AddressVector extends ChannelFactory {
  readonly identity: Address
  readonly accountant: Address
  readonly address: Address
}
const vectors = readVectors<AddressVector>('channel-address')

test.each(vectors)('published: $name', ({ identity, accountant, address, ...factory }) => {
  expect(channelAddress(crypto, factory, identity, accountant)).toBe(address)
})

test('A9: whoever, with whomever, wherever: no two channels share an address', () => {
  expect(new Set(vectors.map(({ address }) => address)).size).toBe(vectors.length)
})
