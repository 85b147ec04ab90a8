/**
 * The compiler as the proofs need it: with z3 at its side, fast enough, and with room for deep formulas.
 *
 *     node --stack-size=… solver-compiler.ts    reads the compiler's input on stdin, prints its messages
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { simplifyCasts } from './smt-casts.ts'
import { dropAssumedRanges } from './smt-ranges.ts'

const require = createRequire(import.meta.url)

/** Seconds for one question; the slowest takes four. */
const questionSeconds = 60

function solve(query: string): { contents: string } {
  const input = dropAssumedRanges(simplifyCasts(query))
  return { contents: spawnSync('z3', ['-in', '-smt2', `-T:${questionSeconds}`], { input, encoding: 'utf8' }).stdout }
}

interface Table {
  get(index: number): unknown
  set(index: number, entry: unknown): void
}

/**
 * The compiler looks a function up in its table at every call that might throw, half of its time. Remembered, that costs
 * nothing. Only `set` changes an entry.
 */
function rememberTableEntries(): void {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Table: { prototype: Table } } }
  const table = WebAssembly.Table.prototype
  const { get, set } = table
  const known = new WeakMap<Table, unknown[]>()
  table.get = function (index) {
    let entries = known.get(this)
    if (entries === undefined) {
      entries = []
      known.set(this, entries)
    }
    entries[index] ??= get.call(this, index)
    return entries[index]
  }
  table.set = function (index, entry) {
    known.delete(this)
    set.call(this, index, entry)
  }
}

rememberTableEntries()
const solc = require('solc') as { compile(input: string, callbacks: { smtSolver: typeof solve }): string }
console.log(solc.compile(readFileSync(0, 'utf8'), { smtSolver: solve }))
