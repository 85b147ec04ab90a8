/**
 * Takes an assumption back that the compiler makes without a reason.
 *
 * Where a call stands in a branch, the engine `bmc` writes the call's body in its place, and says of the call's parameters
 * that they are in their type's range, whether the branch is taken or not. So it takes this for proved:
 *
 *     if (c) d = half(a - b);
 *     assert(c || a >= b);
 *
 * A question is one conjunction, the latest first. A range that is not the first that is said of a variable is such an
 * assumption, and goes: with less assumed, less is proved, never more. In the branch the argument's own range stays.
 *
 * @module
 */

const range = /\(and \(and \(>= ([\w$]+) 0\) \(<= \1 \d+\)\) /g

export function dropAssumedRanges(query: string): string {
  return query.split('\n').map(dropInLine).join('\n')
}

function dropInLine(line: string): string {
  if (!line.startsWith('(assert (and ')) return line
  const lastOf = new Map<string, number>()
  for (const { 0: name, index } of line.matchAll(/[\w$]+/g)) lastOf.set(name, index)
  return line.replaceAll(range, (text, name: string, at: number) =>
    (lastOf.get(name) ?? 0) < at + text.length ? text : '(and true ',
  )
}
