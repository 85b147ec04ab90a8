/**
 * Says the compiler's narrowing casts in words that z3 understands at once.
 *
 * The compiler casts an integer `e` to n bits by way of bit vectors, on which z3 stalls among integers and records:
 *
 *     (bv2nat (ite (>= e 0) ((_ int2bv n) e) (bvneg ((_ int2bv n) (- e)))))   becomes   (mod e 2ⁿ)
 *
 * Both are the same number for every integer: `int2bv` takes its argument modulo 2ⁿ, `bvneg` negates modulo 2ⁿ, and
 * `mod` is never negative. What is not written exactly so stays as it is.
 *
 * Source: SMT-LIB 2.6, theories Ints (`mod`) and FixedSizeBitVectors (`bv2nat`, `nat2bv`); z3's `int2bv`.
 *
 * @module
 */

const opening = '(bv2nat (ite (>= '

export function simplifyCasts(query: string): string {
  let simple = ''
  let from = 0
  for (let at = query.indexOf(opening); at !== -1; at = query.indexOf(opening, from)) {
    simple += query.slice(from, at)
    const cast = readCast(query, at)
    // What is cast may hold casts itself.
    simple += cast === undefined ? opening : `(mod ${simplifyCasts(cast.term)} ${2n ** cast.bits})`
    from = at + (cast?.length ?? opening.length)
  }
  return simple + query.slice(from)
}

function readCast(query: string, at: number): { term: string; bits: bigint; length: number } | undefined {
  const start = at + opening.length
  const term = query.slice(start, endOfTerm(query, start))
  const before = `${opening}${term} 0) ((_ int2bv `
  if (!query.startsWith(before, at)) return undefined
  const bits = /^[1-9]\d{0,2}(?=\))/.exec(query.slice(at + before.length, at + before.length + 4))?.[0]
  if (bits === undefined) return undefined
  const whole = `${before}${bits}) ${term}) (bvneg ((_ int2bv ${bits}) (- ${term})))))`
  return query.startsWith(whole, at) ? { term, bits: BigInt(bits), length: whole.length } : undefined
}

/** @returns where the term that starts at `from` ends; the end of the text if it does not. */
function endOfTerm(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; ++at) {
    const char = text[at]
    if (char === '|') {
      // A quoted name may hold anything but a bar.
      const bar = text.indexOf('|', at + 1)
      if (bar === -1) break
      at = bar
    } else if (char === '(') ++depth
    else if (char === ')' && --depth < 0) return at
    else if (depth === 0 && (char === ' ' || char === '\n')) return at
    if (depth === 0 && char === ')') return at + 1
  }
  return text.length
}
