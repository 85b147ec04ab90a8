/**
 * A1, A2: a consumer and her providers gain nothing by fast exits, in whatever order they exchange, withhold, ask for a fast
 * exit, execute it or let it expire, exit the slow way, cancel, finish and settle.
 */

import { alice, bob, carol } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { playAll } from './game.fixture.ts'
import { ledgerWith } from './mistakes.fixture.ts'
import * as ledger from './testing.ts'

const long = process.env.MYST_LONG === '1'
const providers = long ? [bob.identity, carol.identity] : [bob.identity]
const rules = { consumer: alice.identity, providers, paidIn: 2, holds: true, fastExits: true }

describe('whatever a consumer and her providers do with fast exits', () => {
  test('the accountant loses nothing', { timeout: 1_800_000 }, () => {
    const { games, worst } = playAll(ledger, rules)
    expect(worst).toBe(0)
    expect(games).toBeGreaterThan(5_000)
  })

  const inFastExit = (what: string, find: string, put: string) => ({ what, file: 'fast-exit.ts', find, put })
  test.each([
    inFastExit(
      'lowers no capacity while one is open',
      'record.isOpen ? maxOf(0n, capacity - record.exit.amount) : capacity',
      'capacity',
    ),
    inFastExit('believes looks from before an execution', 'if (block < record.sinceBlock) return 0n', ''),
    inFastExit(
      'leaves what is settled, and not what is credited',
      'maxOf(account === undefined ? 0n : highestAmount(account), command.settled)',
      'command.settled',
    ),
    inFastExit(
      'takes an exit for over before its deadline',
      'if (!isNonceUsed && timestampS <= record.exit.deadline) return',
      'if (Math.random() < 0) return',
    ),
    inFastExit('co-signs while an exit is pending', 'if (command.pendingExit) return', 'if (Math.random() < 0) return'),
    inFastExit(
      'co-signs a second one',
      "if (view.get('fastExits', channel)?.isOpen) return",
      'if (Math.random() < 0) return',
    ),
  ])('one that $what loses: the game would show it', { timeout: 300_000 }, async (mistake) => {
    expect(playAll(await ledgerWith(mistake), rules).worst).toBeGreaterThan(0)
  })
})
