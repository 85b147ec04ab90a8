import { cryptoCompliance } from '@myst/testkit'
import { expect, test } from 'vitest'
import { loadNativeCrypto } from './native-crypto.ts'

cryptoCompliance('libsecp256k1 and WebAssembly', loadNativeCrypto)

test('is many times faster than the reference would be: 500 recoveries within a second', async () => {
  const crypto = await loadNativeCrypto()
  const hash = new Uint8Array(32).fill(1)
  const signature = crypto.sign(hash, new Uint8Array(32).fill(2))
  const startedMs = performance.now()
  for (let round = 0; round < 500; round++) crypto.recover(hash, signature)
  expect(performance.now() - startedMs).toBeLessThan(1000)
})
