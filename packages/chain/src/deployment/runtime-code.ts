/**
 * Whether the code at an address is what the sources give: byte by byte, but for the immutables, which must be among the
 * values that they can have, and the same wherever the code holds them.
 *
 * @module
 */

import {
  accountantDeployedBytecode,
  accountantImmutables,
  consumerChannelDeployedBytecode,
  consumerChannelImmutables,
  mystTokenDeployedBytecode,
  mystTokenImmutables,
  registryDeployedBytecode,
  registryImmutables,
  testMystTokenDeployedBytecode,
  testMystTokenImmutables,
} from '@myst/contracts'
import { type Address, type Bytes32, fromHex, type Hex, toHex, uintToBytes } from '@myst/protocol'
import { hashDomain, keccak256, stringToBytes, stringToHex } from 'viem'

export interface RuntimeCode {
  readonly deployedBytecode: Hex
  /** For each immutable, where the words begin that hold it. */
  readonly immutables: readonly (readonly number[])[]
}

export const runtimeCodes = {
  MystToken: { deployedBytecode: mystTokenDeployedBytecode, immutables: mystTokenImmutables },
  TestMystToken: { deployedBytecode: testMystTokenDeployedBytecode, immutables: testMystTokenImmutables },
  Registry: { deployedBytecode: registryDeployedBytecode, immutables: registryImmutables },
  ConsumerChannel: { deployedBytecode: consumerChannelDeployedBytecode, immutables: consumerChannelImmutables },
  Accountant: { deployedBytecode: accountantDeployedBytecode, immutables: accountantImmutables },
} as const satisfies Record<string, RuntimeCode>

/** @returns the first byte that is not as it must be; undefined where all are. */
export function firstDifference(
  expected: RuntimeCode,
  found: Uint8Array,
  values: ReadonlySet<Bytes32>,
): number | undefined {
  const wanted = fromHex(expected.deployedBytecode)
  const masked = Uint8Array.from(found)
  const wrong: number[] = []
  for (const places of expected.immutables) {
    const [first = 0] = places
    const value = toHex(found.subarray(first, first + 32))
    if (!values.has(value)) wrong.push(first)
    for (const place of places) {
      if (toHex(found.subarray(place, place + 32)) !== value) wrong.push(place)
      masked.fill(0, place, place + 32)
    }
  }
  const differs = wanted.findIndex((byte, index) => byte !== masked[index])
  if (differs >= 0) wrong.push(differs)
  else if (wanted.length !== masked.length) wrong.push(wanted.length)
  return wrong.length === 0 ? undefined : Math.min(...wrong)
}

/** A value as an immutable holds it: addresses and numbers fill a word from the left. */
export const wordOf = (value: bigint | Address): Bytes32 => toHex(uintToBytes(BigInt(value)))

/** The immutables of a token: OpenZeppelin's EIP-712 keeps its domain there. */
export function tokenImmutables(token: Address, chainId: bigint): ReadonlySet<Bytes32> {
  const [name, version] = ['Mysterium', '1']
  const domain = { name, version, chainId, verifyingContract: token }
  return new Set([
    wordOf(token),
    wordOf(chainId),
    ...[name, version].flatMap((text) => [keccak256(stringToBytes(text)), shortString(text)]),
    hashDomain({ domain, types: { EIP712Domain: domainFields } }),
  ])
}

const domainFields = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
] as const

/** OpenZeppelin's `ShortString`: the bytes from the left, their number in the last one. */
function shortString(text: string): Bytes32 {
  return `${stringToHex(text, { size: 32 }).slice(0, -2)}${text.length.toString(16).padStart(2, '0')}` as Bytes32
}
