import { expect, test } from 'vitest'
import { dropAssumedRanges } from './smt-ranges.ts'

const range = (name: string) => `(and (>= ${name} 0) (<= ${name} 255))`

test('drops the range of a variable that was said to be something before', () => {
  const question = (range: string) => `(assert (and (= r_1 a_1) (and ${range} (and (= e_1 a_1) (and ${name} true)))))`
  const name = '(= e_1 (- b_0 1))'
  expect(dropAssumedRanges(question(range('a_1')))).toBe(question('true'))
})

test.each([
  ['the first that is said of a variable', `(assert (and (= e_1 a_0) (and ${range('a_0')} true)))`],
  ['what holds in a branch', `(assert (and (=> c_1 ${range('a_1')}) (and (= e_1 a_1) true)))`],
  ['what is said elsewhere', `(assert (and (and ${range('a_0')} true) true))\n(assert (= |x| a_0))`],
])('keeps %s', (_, question) => {
  expect(dropAssumedRanges(question)).toBe(question)
})
