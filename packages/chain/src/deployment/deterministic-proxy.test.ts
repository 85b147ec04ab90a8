import { getContractAddress, parseTransaction, recoverTransactionAddress, size } from 'viem'
import { expect, test } from 'vitest'
import { deterministicProxy, networkSalt, proxyCall, proxyCreates, readProxyCall } from './deterministic-proxy.ts'

const { address, cost, runtimeCode, signer, transaction } = deterministicProxy

test('its published transaction is signed by the published sender, for no chain, and creates the published address', async () => {
  const { chainId, data, gas, gasPrice, nonce, to, type } = parseTransaction(transaction)
  expect({ chainId, nonce, to, type }).toEqual({ chainId: undefined, nonce: 0, to: undefined, type: 'legacy' })
  expect((gas ?? 0n) * (gasPrice ?? 0n)).toBe(cost)
  const recovered = await recoverTransactionAddress({ serializedTransaction: transaction as `0x02${string}` })
  expect(recovered.toLowerCase()).toBe(signer)
  expect(getContractAddress({ from: signer, nonce: 0n }).toLowerCase()).toBe(address)
  // The init code is a copier, then the code itself.
  expect(data?.endsWith(runtimeCode.slice(2))).toBe(true)
})

test('every network, and every init code, has addresses of its own', () => {
  const [oxford, leiden] = [networkSalt('oxford'), networkSalt('leiden')]
  const addresses = [proxyCreates(oxford, '0x00'), proxyCreates(leiden, '0x00'), proxyCreates(oxford, '0x01')]
  expect(new Set(addresses).size).toBe(3)
})

test('a call to it is read back', () => {
  const salt = networkSalt('oxford')
  const call = proxyCall(salt, '0x1234')
  expect(size(call)).toBe(34)
  expect(readProxyCall(call)).toEqual({ salt, initCode: '0x1234' })
  expect(readProxyCall('0x')).toBeUndefined()
  expect(readProxyCall(salt)).toBeUndefined()
})
