/**
 * Closes a pool in the middle of its work, when nothing else keeps the process alive; then says so.
 *
 * @module
 */

import type { Address } from '@myst/protocol'
import { createSignaturePool } from './pool.ts'

const at = (byte: string): Address => `0x${byte.repeat(20)}`
const word = new Uint8Array(32).fill(7)
const contracts = { registry: at('99'), channelImplementation: at('98') }
const pool = createSignaturePool({ chainId: 1n, accountant: at('aa'), contracts, operatorKey: word }, 2)

const alive = setInterval(() => {}, 1000)
await pool.sign([word])
for (let job = 0; job < 50; job++) pool.sign(Array.from({ length: 20 }, () => word)).catch(() => {})
clearInterval(alive)
await pool.close()
console.log('closed')
