/**
 * Channel addresses, known before the channel exists: any wallet can pay them, and nobody can put anything else there.
 *
 * CREATE2 by the registry of an EIP-1167 clone with immutable arguments (identity 20 ‖ accountant 20).
 * `Registry.channelAddress` computes the same; `vectors/channel-address.json` holds both to it.
 *
 * Source: EIP-1014 (CREATE2), EIP-1167 (minimal proxy).
 *
 * @module
 */

import { type Address, concatBytes, fromHex, toHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'

/** What a channel's address depends on, besides who uses it. */
export interface ChannelFactory {
  readonly registry: Address
  readonly channelImplementation: Address
}

export function channelAddress(
  crypto: Crypto,
  { registry, channelImplementation }: ChannelFactory,
  identity: Address,
  accountant: Address,
): Address {
  const args = concatBytes(fromHex(identity), fromHex(accountant))
  const salt = crypto.keccak256(args)
  const initCodeHash = crypto.keccak256(cloneInitCode(channelImplementation, args))
  const preimage = concatBytes(Uint8Array.of(0xff), fromHex(registry), salt, initCodeHash)
  return toHex(crypto.keccak256(preimage).subarray(12))
}

/** The creation code of a minimal proxy whose run-time code (45 bytes) is followed by `args`. */
function cloneInitCode(implementation: Address, args: Uint8Array): Uint8Array {
  const length = 45 + args.length
  return concatBytes(
    Uint8Array.of(0x61, length >> 8, length & 0xff), // PUSH2 length
    fromHex('0x3d81600a3d39f3'), // return that many bytes from offset 10 on
    fromHex('0x363d3d373d3d3d363d73'),
    fromHex(implementation),
    fromHex('0x5af43d82803e903d91602b57fd5bf3'),
    args,
  )
}
