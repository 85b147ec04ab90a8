/**
 * The key that transactions are signed with: here, or with whoever signs hashes for us.
 *
 * @module
 */

import { type Address, assert, fromHex, type Hex, toHex } from '@myst/protocol'
import { keccak256, serializeTransaction, type TransactionSerializable } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

/** 65 bytes, r ‖ s ‖ v with v 27 or 28, for the hash. */
export interface HashSigner {
  readonly address: Address
  readonly sign: (hashes: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>
}

export interface SendingKey {
  readonly address: Address
  sign(transaction: TransactionSerializable): Promise<Hex>
}

export function sendingKeyOf(key: Uint8Array | HashSigner): SendingKey {
  if (key instanceof Uint8Array) {
    const account = privateKeyToAccount(toHex(key))
    return {
      address: account.address.toLowerCase() as Address,
      sign: (transaction) => account.signTransaction(transaction),
    }
  }
  return {
    address: key.address,
    async sign(transaction) {
      const [signature] = await key.sign([fromHex(keccak256(serializeTransaction(transaction)))])
      assert(signature !== undefined, 'a hash without its signature')
      const [r, s, v] = [toHex(signature.slice(0, 32)), toHex(signature.slice(32, 64)), signature[64]]
      return serializeTransaction(transaction, { r, s, v: v === 28 ? 28n : 27n, yParity: v === 28 ? 1 : 0 })
    },
  }
}
