import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAddressPool } from './address-pool.ts'
import { createKeyPair } from './keys.ts'
import { isLeftover, nameInterface } from './owner.ts'
import { decodeAccept, decodeRequest, encodeAccept, encodeRequest, tunnelMtu } from './parameters.ts'

const { publicKey } = createKeyPair()
const accept = { publicKey, address: '10.182.3.4', mtu: tunnelMtu }

describe('parameters', () => {
  test('what one side writes, the other reads, also with what a later version appends', () => {
    const later = (bytes: Uint8Array) => Uint8Array.of(...bytes, 1, 2, 3)
    expect(decodeRequest(later(encodeRequest({ publicKey })))).toEqual({ publicKey })
    expect(decodeAccept(later(encodeAccept(accept)))).toEqual(accept)
  })

  test.each([
    ['nothing', new Uint8Array()],
    ['another version', encodeAccept(accept).with(0, 2)],
    ['cut short', encodeAccept(accept).subarray(0, 38)],
    ['an empty key', encodeAccept({ ...accept, publicKey: '00'.repeat(32) })],
    ['a public address', encodeAccept({ ...accept, address: '8.8.8.8' })],
    ['an MTU of dust', encodeAccept({ ...accept, mtu: 100 })],
    ['an MTU that no path takes', encodeAccept({ ...accept, mtu: 9_000 })],
  ])('refuses: %s', (_, bytes) => {
    expect(() => decodeAccept(bytes)).toThrow('parameters-invalid')
  })

  test('no bytes do anything but pass or be refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        for (const decode of [decodeRequest, decodeAccept])
          try {
            decode(noise)
          } catch (error) {
            expect(error).toMatchObject({ code: 'parameters-invalid' })
          }
      }),
    )
  })
})

describe('address pool', () => {
  test('gives each address once, and one that came back last of all', () => {
    const pool = createAddressPool('10.9.0.0/16')
    const first = pool.take()
    expect(first).toBe('10.9.0.2')
    pool.giveBack(first)
    const all = Array.from({ length: 65_533 }, () => pool.take())
    expect(new Set(all).size).toBe(all.length)
    expect(all.at(-1)).toBe(first)
    expect(all).not.toContain(pool.gateway)
    expect(all).not.toContain('10.9.255.255')
    expect(() => pool.take()).toThrow('offer-full')
  })

  test.each(['192.168.0.0/16', '10.1.0.0/24', '10.256.0.0/16'])('refuses the range %s', (range) => {
    expect(() => createAddressPool(range)).toThrow('address-range-invalid')
  })
})

test('an interface’s name fits, is new each time, and tells whether its owner lives', async () => {
  const [one, two] = [await nameInterface('p'), await nameInterface('c')]
  expect(one).toHaveLength(15)
  expect(one).not.toBe(two)
  expect(await isLeftover(one)).toBe(false)
  expect(await isLeftover('mystp2hwfz00000')).toBe(true) // process 4,194,287 on a machine that has none such
  expect(await isLeftover('eth0')).toBe(false)
})
