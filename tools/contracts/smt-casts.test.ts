import { expect, test } from 'vitest'
import { simplifyCasts } from './smt-casts.ts'

const cast = (term: string, bits: number) =>
  `(bv2nat (ite (>= ${term} 0) ((_ int2bv ${bits}) ${term}) (bvneg ((_ int2bv ${bits}) (- ${term})))))`

test('a cast becomes a modulus', () => {
  expect(simplifyCasts(`(= a ${cast('b', 96)})`)).toBe(`(= a (mod b ${2n ** 96n}))`)
})

test('what is cast may be any term, with casts and quoted names in it', () => {
  const term = `(+ (- 1) (|a (odd) name| ${cast('|b)|', 8)}))`
  expect(simplifyCasts(`(= ${cast(term, 16)} ${cast('c', 8)})`)).toBe(
    '(= (mod (+ (- 1) (|a (odd) name| (mod |b)| 256))) 65536) (mod c 256))',
  )
})

test.each([
  ['another term is negated', cast('a', 8).replace('(- a)', '(- b)')],
  ['another term is cast', cast('a', 8).replace('8) a)', '8) b)')],
  ['the widths differ', cast('a', 8).replace('int2bv 8', 'int2bv 16')],
  ['the condition is another', cast('a', 8).replace('0)', '1)')],
  ['it goes on', cast('a', 8).replace(')))))', '))) x))')],
  ['it breaks off', cast('a', 8).slice(0, -1)],
])('stays as it is: %s', (_, text) => {
  expect(simplifyCasts(text)).toBe(text)
})
