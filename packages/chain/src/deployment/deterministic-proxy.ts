/**
 * The deterministic deployment proxy: a contract without owner that stands at one address on most chains and creates what
 * it is sent, with CREATE2. What an address is then depends on salt and init code alone: not on the chain, the sender, or
 * the time. Whoever sends the same again changes nothing, and gets the same addresses.
 *
 *     call    = salt 32 ‖ init code
 *     address = keccak256(ff ‖ proxy 20 ‖ salt 32 ‖ keccak256(init code) 32)[12:]
 *
 * Where it is missing, anybody puts it there: its only transaction is published, signed by nobody's key (r = s = 0x22…22
 * recover to an address that only this transaction can spend from), and names no chain.
 *
 * Source: https://github.com/Arachnid/deterministic-deployment-proxy; EIP-1014 (CREATE2).
 *
 * @module
 */

import type { Address, Bytes32, Hex } from '@myst/protocol'
import { concat, getCreate2Address, keccak256, size, slice, stringToBytes } from 'viem'

export const deterministicProxy = {
  address: '0x4e59b44847b379578588920ca78fbf26c0b4956c',
  runtimeCode:
    '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3',
  /** Who must hold `cost` when `transaction` is sent. */
  signer: '0x3fab184622dc19b6109349b94811493bf2a45362',
  transaction:
    '0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222',
  /** 100,000 gas at 100 gwei; both are part of what is signed. */
  cost: 100_000n * 100n * 10n ** 9n,
} as const

/** One salt a network, so that two networks with the same terms have contracts of their own. */
export const networkSalt = (networkId: string): Bytes32 => keccak256(stringToBytes(`myst/${networkId}`))

export const proxyCall = (salt: Bytes32, initCode: Hex): Hex => concat([salt, initCode])

/** What a call to the proxy creates; undefined where it is none. */
export function readProxyCall(data: Hex): { readonly salt: Bytes32; readonly initCode: Hex } | undefined {
  return size(data) > 32 ? { salt: slice(data, 0, 32), initCode: slice(data, 32) } : undefined
}

export function proxyCreates(salt: Bytes32, initCode: Hex): Address {
  const address = getCreate2Address({ from: deterministicProxy.address, salt, bytecode: initCode })
  return address.toLowerCase() as Address
}
