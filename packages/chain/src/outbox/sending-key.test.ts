import { referenceCrypto } from '@myst/protocol'
import { expect, test } from 'vitest'
import { sendingKeyOf } from './sending-key.ts'

const price = [
  { type: 'legacy', gasPrice: 7n },
  { type: 'eip1559', maxFeePerGas: 7n, maxPriorityFeePerGas: 1n },
] as const

test.each(price)('a key that is elsewhere signs the same bytes as one that is here: $type', async (fees) => {
  // Both parities come up among so many.
  for (let nonce = 0; nonce < 8; nonce++) {
    const secret = new Uint8Array(32).fill(7 + nonce)
    const elsewhere = {
      address: referenceCrypto.addressOf(secret),
      sign: async (hashes: readonly Uint8Array[]) => hashes.map((hash) => referenceCrypto.sign(hash, secret)),
    }
    const [here, there] = [sendingKeyOf(secret), sendingKeyOf(elsewhere)]
    expect(there.address).toBe(here.address)
    const transaction = {
      to: here.address,
      data: '0x12',
      gas: 50_000n,
      value: 0n,
      nonce,
      chainId: 31_337,
      ...fees,
    } as const
    expect(await there.sign(transaction)).toBe(await here.sign(transaction))
  }
})
