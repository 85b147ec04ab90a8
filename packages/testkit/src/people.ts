/**
 * The people of our tests: Alice consumes, Bob provides, Carol runs the accountant. The contracts' tests give them the
 * same keys.
 *
 * @module
 */

import { type Address, referenceCrypto, uintToBytes } from '@myst/protocol'

export interface Person {
  readonly identity: Address
  readonly privateKey: Uint8Array
}

export function person(key: bigint): Person {
  const privateKey = uintToBytes(key)
  return { identity: referenceCrypto.addressOf(privateKey), privateKey }
}

export const alice = person(0xa11cen)
export const bob = person(0xb0bn)
export const carol = person(0xca401n)
export const dave = person(0xda4en)
export const mallory = person(0xbadn)
