/**
 * A Crypto port for simulations: hashes are quick ones, and a signature is a keyed hash that this world alone can check.
 *
 * It refuses what the real ones refuse (another hash, a changed byte), costs microseconds, and protects nobody. Addresses
 * are the real ones, so that a run on the real curve has the same parties.
 *
 * @module
 */

import { type Address, type Crypto, concatBytes, equalBytes, fromHex, referenceCrypto, toHex } from '@myst/protocol'
import { mixedHash } from './mixed-hash.ts'

/** Deriving an address takes longer than everything else here. */
const addresses = new Map<string, Address>()
const keys = new Map<Address, Uint8Array>()

function addressOf(privateKey: Uint8Array): Address {
  const name = toHex(privateKey)
  const known = addresses.get(name)
  if (known !== undefined) return known
  const address = referenceCrypto.addressOf(privateKey)
  addresses.set(name, address)
  keys.set(address, privateKey.slice())
  return address
}

const filler = new Uint8Array(65 - 32 - 20).fill(27)

export const simCrypto: Crypto = {
  keccak256: mixedHash,
  sign: (hash, privateKey) => {
    const address = addressOf(privateKey)
    return concatBytes(mixedHash(concatBytes(privateKey, hash)), fromHex(address), filler)
  },
  recover(hash, signature) {
    if (signature.length !== 65 || !equalBytes(signature.subarray(52), filler)) return undefined
    const address = toHex(signature.subarray(32, 52))
    const key = keys.get(address)
    if (key === undefined || !equalBytes(mixedHash(concatBytes(key, hash)), signature.subarray(0, 32))) return undefined
    return address
  },
  addressOf,
}
