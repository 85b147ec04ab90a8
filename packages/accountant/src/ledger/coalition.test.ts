/**
 * W28, A8: a consumer and a provider who work together gain nothing, in whatever order they exchange, withhold, exit, hold,
 * finish and settle.
 */

import { alice, bob, carol } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { playAll } from './game.fixture.ts'
import { ledgerWith } from './mistakes.fixture.ts'
import * as ledger from './testing.ts'

const providers = [bob.identity, carol.identity]
const rules = { consumer: alice.identity, providers, paidIn: 2, holds: true, fastExits: false }

describe('W28: whatever a consumer and her providers do together', () => {
  test('the accountant loses nothing', { timeout: 1_800_000 }, () => {
    const { games, worst } = playAll(ledger, rules)
    expect(worst).toBe(0)
    expect(games).toBeGreaterThan(5_000)
  })

  test('one that never holds loses: the game would show it', { timeout: 120_000 }, () => {
    expect(playAll(ledger, { ...rules, holds: false }).worst).toBeGreaterThan(0)
  })

  test('one that takes promises in the second half of an exit loses', { timeout: 120_000 }, async () => {
    const late = await ledgerWith({
      what: 'takes promises until an exit is over',
      file: 'exchange-batch.ts',
      find: "if (facts.exit === 'late') return 'promise-channel-closing'",
      put: '',
    })
    expect(playAll(late, rules).worst).toBeGreaterThan(0)
  })
})
