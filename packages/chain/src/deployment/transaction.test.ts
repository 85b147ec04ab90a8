import { expect, test } from 'vitest'
import { readPoolRefusal } from './transaction.ts'

/** What geth, erigon, nethermind, besu, reth and anvil say. */
test.each([
  ['already known', 'known'],
  ['AlreadyKnown', 'known'],
  ['known transaction: 0x12', 'known'],
  ['transaction already imported', 'known'],
  ['insufficient funds for gas * price + value: balance 0, tx cost 10', 'underfunded'],
  ['Insufficient funds for gas * price + value', 'underfunded'],
  ['nonce too low: next nonce 5, tx nonce 4', 'nonceUsed'],
  ['OldNonce, Current nonce: 5, nonce of rejected tx: 4', 'nonceUsed'],
  ['replacement transaction underpriced', 'nonceUsed'],
  ['only replay-protected (EIP-155) transactions allowed over RPC', 'unprotected'],
  ['transaction underpriced: tip needed 25 gwei', undefined],
] as const)('%s', (why, kind) => {
  const { why: said, ...kinds } = readPoolRefusal(why)
  expect(said).toBe(why)
  expect(Object.entries(kinds).flatMap(([name, is]) => (is ? [name] : []))).toEqual(kind === undefined ? [] : [kind])
})

test("a node's words cannot move the terminal", () => {
  expect(readPoolRefusal(`\u001b[31mno\n${'x'.repeat(1000)}`).why).toMatch(/^ \[31mno x+$/)
  expect(readPoolRefusal('x'.repeat(1000)).why.length).toBeLessThan(200)
})
