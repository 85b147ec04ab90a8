/**
 * `docs/contracts.md` says what the contracts say: every call, error and event of theirs is in it, nothing else is, and the
 * tests that it names are there.
 */

import { existsSync, readFileSync } from 'node:fs'
import { accountantAbi, consumerChannelAbi, registryAbi } from '@myst/contracts'
import { describe, expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/contracts.md', root), 'utf8')

interface Entry {
  readonly type: string
  readonly name?: string
  readonly stateMutability?: string
}

const contracts: [heading: string, abi: readonly Entry[]][] = [
  ['Registry', registryAbi],
  ['Consumer channel', consumerChannelAbi],
  ['Accountant', accountantAbi],
]
const namesIn = (abi: readonly Entry[], type: string, where: (entry: Entry) => boolean = () => true) =>
  abi.flatMap((entry) => (entry.type === type && entry.name !== undefined && where(entry) ? [entry.name] : [])).sort()
const namesOfAll = (type: string) => new Set(contracts.flatMap(([, abi]) => namesIn(abi, type)))
const isView = ({ stateMutability }: Entry) => stateMutability === 'view' || stateMutability === 'pure'

/** The text under a heading of the second rank. */
function sectionOf(heading: string): string {
  const [, section] = page.split(`\n## ${heading}\n`)
  if (section === undefined) throw new Error(`docs/contracts.md has no section "${heading}"`)
  return section.split('\n## ')[0] ?? ''
}
const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name)
const unique = (names: readonly string[]) => [...new Set(names)].sort()

describe.each(contracts)('%s', (heading, abi) => {
  const section = sectionOf(heading)

  test('has every call in the document once, and no other', () => {
    const calls = found(section, /^\* \*\*`(\w+)\(/gm)
    expect(calls.sort()).toEqual(namesIn(abi, 'function', (entry) => !isView(entry)))
  })

  test('has every view in the document, and no other', () => {
    const views = section.split('\nViews: ')[1]?.split('\n\n')[0] ?? ''
    expect(found(views, /`(\w+)`/g).sort()).toEqual(namesIn(abi, 'function', isView))
  })

  test('emits what the document says, and nothing else', () => {
    const emitted = found(section, /Emits,?\s([^.]*)\./g).flatMap((list) => found(list, /`(\w+)`/g))
    expect(unique(emitted)).toEqual(namesIn(abi, 'event'))
  })
})

test('every error has its name in the document', () => {
  expect([...namesOfAll('error')].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

test('whatever the document names as an event or an error is one', () => {
  const known = new Set([...namesOfAll('error'), ...namesOfAll('event')])
  expect(unique(found(page, /`([A-Z]\w+)`/g)).filter((name) => !known.has(name))).toEqual([])
})

describe('who can lose what', () => {
  const rows = sectionOf('Who can lose what')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
  const shown = /`(\S+\.(?:t\.sol|test\.ts)): ([^`]+)`/g

  test.each(rows.map((row) => [row.split(' | ').slice(0, 2).join(': ').slice(2), row]))('%s', (_, row) => {
    const named = [...row.matchAll(shown)].map(([, file = '', name = '']) => [file, name] as const)
    expect(named.length, 'tests named in this line').toBeGreaterThan(0)
    expect(named.filter(([file, name]) => !hasTest(file, name))).toEqual([])
  })
})

function hasTest(file: string, name: string): boolean {
  const url = new URL(file.endsWith('.sol') ? `contracts/test/${file}` : file, root)
  if (!existsSync(url)) return false
  const source = readFileSync(url, 'utf8')
  if (file.endsWith('.sol')) return source.includes(`function ${name}(`)
  return ["'", '"', '`'].some((quote) => source.includes(`${quote}${name}${quote},`))
}
