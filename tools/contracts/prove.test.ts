import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { proveContracts } from './prove.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

// Every control asks about one step only; this asks about all, some three minutes of processor time.
test('every assertion of the proofs is proved', { timeout: 900_000 }, async ({ skip }) => {
  const report = await proveContracts()
  const [skipped] = report.skipped
  if (skipped !== undefined) skip(skipped.why)
  expect(report.unproved).toEqual([])
  expect(report.proved.length).toBeGreaterThanOrEqual(40)
})

const conservation =
  "conservation: set apart are the operator's stake, the reserve, all stakes and all guarantees, and all of it is there"
const others = 'the guarantee of any other provider is not changed by any step, so not by the operator'

/** A mistake in the books that the deployed contracts inherit, and the sentence that it makes false. */
const mistakes = {
  ChannelBooks: [
    [
      'ChannelProof',
      'require(amount > before, PromiseNotIncreasing(before, amount));',
      '',
      'settled of a channel only grows',
    ],
    ['ChannelProof', 'settled = before + paid;', 'settled = amount;', 'what a settlement books is what it pays'],
    ['ChannelProof', 'payment = balance - liable;', 'payment = balance;', 'an exit leaves what is held'],
    ['ChannelProof', '        delete _exit;\n    }\n}', '    }\n}', 'an exit pays once'],
  ],
  Books: [
    ['initialize', 'require(_state.operator == address(0), AlreadyInitialized());', '', 'books are begun once'],
    [
      'payOut',
      'require(paid <= spare, Underpaid(paid, spare));',
      '',
      'a payout takes no guarantee, nor what one lacks',
    ],
    [
      'withdraw',
      'paid = _min(amount, _spare(balance));',
      'paid = _min(amount, _free(balance));',
      'nothing is withdrawn in punishment, nor what a guarantee lacks',
    ],
    ['decreaseStake', '_sums.apart - amount - (guarantee - left)', '_sums.apart - amount - guarantee', conservation],
    [
      'decreaseStake',
      '_accounts[identity].lack = _to96(lack);',
      '_accounts[_state.operator].lack = _to96(lack);',
      others,
    ],
    [
      'increaseStake',
      'require(needed <= free, GuaranteeUncovered(free, needed));',
      '',
      'a stake comes with its guarantee, and leaves no other uncovered',
    ],
    [
      'settleReplaced',
      '_to112(account.settled + paid);\n        account.lack',
      '_to112(amount);\n        account.lack',
      "a replaced key's promise books what it pays",
    ],
    ['settleReplaced', '_to128(_sums.missing + lack - before)', '_sums.missing', conservation],
    ['release', '_backing = Backing(0, 0);', '_backing = Backing(0, 0);\n        _stakes.total = 0;', others],
    ['release', ' || _sums.missing != 0) return;', ') return;', 'closing frees nothing while a guarantee is not whole'],
    ['reportShortage', '++_state.shortProviders;', '', others],
    [
      'reportShortage',
      'account.shortSince = _noteShortage(identity, account, owed, 0);',
      'account.shortSince = _noteShortage(identity, account, owed, 0);\n        delete _shortages[_state.operator];',
      others,
    ],
    [
      'rebalance',
      '_backing.reserve = _to128(_backing.reserve - fromReserve);',
      '_backing = Backing(_backing.operatorStake, _to128(_backing.reserve + fromReserve));',
      "rebalancing raises a guarantee, and leaves the operator's stake alone",
    ],
    [
      'rebalance',
      'deposit = _noteDrawn(deposit, fromReserve);',
      '',
      'the reserve refills no more than what one lacks and was not given lately, and it is remembered',
    ],
    // What ends every call proves everything: so each step is shown to have an end.
    [
      'addOperatorStake',
      '_sums.apart = _to128(_sums.apart + amount);',
      'require(amount != amount);',
      'a step that ends',
    ],
  ],
} as const

/** One of four, of both books; all of them with MYST_LONG=1, some four minutes of processor time. */
const rows = Object.entries(mistakes)
  .flatMap(([books, list]) => list.map((row) => [...row, books] as const))
  .filter((_, index) => process.env.MYST_LONG === '1' || index % 4 === 0)

test.each(rows)(
  'in %s a mistake is not proved: %s → %s',
  { timeout: 120_000 },
  async (step, found, planted, what, books) => {
    const report = await proveContracts(plant(`/${books}.sol`, found, planted), { only: [step] })
    if (report.skipped.length === 0) expect(report.unproved.map((entry) => entry.what)).toContain(what)
  },
)

test('every way that the books are changed is a step', () => {
  const [books, proof] = ['contracts/src/accountant/Books.sol', 'contracts/proofs/AccountantProof.sol'].map(read)
  const declared = [...(books ?? '').matchAll(/function (\w+)\([^)]*\)\s+internal(?! (?:view|pure|virtual))/g)]
  const ways = declared.map(([, name]) => name)
  expect(ways).toEqual(expect.arrayContaining(['_bookPayment', '_bookRelease', '_punish', '_judge']))
  expect(ways.filter((name) => !proof?.includes(`${name}(`))).toEqual([])
  expect(proof).not.toMatch(/\bpublic\b/)
})

test('takes no range for granted that the compiler assumes', { timeout: 60_000 }, async () => {
  const wrong = 'if (amount == 7) _balance += _min(amount - 5, 0);\n        assert(amount >= 5); // wrong'
  const report = await proveContracts(
    plant(
      '/AccountantProof.sol',
      'require(amount <= type(uint128).max);\n        _balance += amount;\n    }',
      `${wrong}\n    }`,
    ),
    { only: ['topUp'] },
  )
  if (report.skipped.length === 0) expect(report.unproved.map((entry) => entry.what)).toEqual(['wrong'])
})

function plant(file: string, found: string, planted: string): (path: string) => string {
  return (path) => {
    const source = read(path)
    if (!path.endsWith(file)) return source
    expect(source).toContain(found)
    return source.replace(found, planted)
  }
}
