import { describe, expect, test } from 'vitest'
import { checkArrows, importsOf, mayImport, type Package, readPackages, renderArrows } from './arrows.ts'

const aPackage = (name: string, files: Readonly<Record<string, string>>, also: Partial<Package> = {}): Package => ({
  name,
  dir: `packages/${name}`,
  dependencies: [],
  devDependencies: [],
  subpaths: [],
  files: Object.entries(files).map(([path, text]) => ({ path: `packages/${name}/src/${path}`, text })),
  ...also,
})
const protocol = aPackage('protocol', {})
const testkit = aPackage('testkit', {})
const names = ['@myst/protocol', '@myst/chain', '@myst/store', '@myst/node', '@myst/testkit', '@myst/payments']
const declaring = { dependencies: names }

/** What is wrong with one import, the manifest aside. */
function complaints(from: string, path: string, text: string, others: readonly Package[] = []): string[] {
  const of = aPackage(from, { [path]: text }, declaring)
  return checkArrows([of, protocol, testkit, ...others]).filter((line) => !line.includes('package.json'))
}

test('the arrows of this repository are as the layers allow', () => {
  const packages = readPackages()
  expect(packages.length).toBeGreaterThan(15)
  expect(packages.flatMap(({ files }) => files).length).toBeGreaterThan(150)
  expect(checkArrows(packages)).toEqual([])
})

describe('reads imports', () => {
  const forms: [what: string, text: string][] = [
    ['named', "import { a } from 'x'"],
    ['a type', "import type { A } from 'x'"],
    ['several lines', "import {\n  a,\n  type B,\n} from 'x'"],
    ['for its effect', "import 'x'"],
    ['passed on', "export * from 'x'"],
    ['passed on by name', 'export { a } from "x"'],
    ['on demand', "  const { a } = await import('x')"],
  ]
  test.each(forms)('%s', (_, text) => expect(importsOf(`const before = 1\n${text}\n`)).toEqual(['x']))

  const others: [what: string, text: string][] = [
    ['an example in a comment', " * import { a } from 'x'"],
    ['an import on demand in a comment', " * await import('x')\n// import('y')"],
    ['a sentence', 'export const text = "taken from x"'],
    ['Array.from', "export const letters = Array.from('x')"],
  ]
  test.each(others)('not: %s', (_, text) => expect(importsOf(`${text}\n`)).toEqual([]))
})

describe('the layers', () => {
  const arrows: [from: string, to: string, may: boolean][] = [
    ['payments', 'protocol', true],
    ['protocol', 'payments', false],
    ['payments', 'store', false],
    ['chain', 'contracts', true],
    ['chain', 'store', false],
    ['nat', 'link', true],
    ['link', 'nat', false],
    ['vpn-proxy', 'vpn', true],
    ['vpn', 'vpn-proxy', false],
    ['program', 'store', true],
    ['node', 'payments', true],
    ['node', 'accountant', false],
    ['devnet', 'accountant', true],
    ['api', 'node', false],
    ['cli', 'api', true],
    ['cli', 'chain', false],
    ['dashboard', 'node', false],
    ['node', 'testkit', false],
    ['e2e', 'devnet', true],
  ]
  test.each(arrows)('%s → %s: %s', (from, to, may) => expect(mayImport(from, to, false)).toBe(may))

  test('a test may use what is not above its package, and the testkit', () => {
    expect(mayImport('store', 'testkit', true)).toBe(true)
    expect(mayImport('accountant', 'payments', true)).toBe(true)
    expect(mayImport('payments', 'accountant', true)).toBe(false)
    expect(mayImport('protocol', 'store', true)).toBe(false)
  })
})

describe('refuses', () => {
  const chain = aPackage('chain', {})
  const rows: [what: string, lines: string[], complaint: string][] = [
    [
      'an arrow upwards',
      complaints('protocol', 'a.ts', "import '@myst/chain'", [chain]),
      'protocol may not import chain',
    ],
    ['a back door', complaints('chain', 'a.ts', "import '@myst/protocol/src/bytes.ts'"), 'not by its door'],
    ['a path into another package', complaints('chain', 'a.ts', "import '../../protocol/src/a.ts'"), 'reaches out of'],
    ['the own door', complaints('chain', 'a.ts', "import '@myst/chain'"), 'its own door'],
    ['a package that is not there', complaints('chain', 'a.ts', "import '@myst/gone'"), 'there is no @myst/gone'],
    ['the testkit outside tests', complaints('chain', 'a.ts', "import '@myst/testkit'"), 'may not import testkit'],
    ['the world in the rules', complaints('protocol', 'a.ts', "import 'node:fs'"), 'nothing of the world like node:fs'],
    ['the world in the behaviour', complaints('payments', 'a.ts', "import 'viem'"), 'nothing of the world like viem'],
    ['a package without a layer', complaints('surprise', 'a.ts', ''), 'no layer for surprise'],
  ]
  test.each(rows)('%s', (_, lines, complaint) => {
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(complaint)
  })

  test('none of it in a test that needs it', () => {
    expect(complaints('protocol', 'a.test.ts', "import 'node:fs'\nimport '@myst/testkit'")).toEqual([])
    expect(complaints('protocol', 'a.ts', "import { sha256 } from '@noble/hashes/sha2.js'")).toEqual([])
  })
})

describe('holds the manifest to the imports', () => {
  const manifest = (files: Record<string, string>, also: Partial<Package>) =>
    checkArrows([aPackage('chain', files, also), protocol, testkit])
  const uses = { 'a.ts': "import '@myst/protocol'" }
  const testUses = { 'a.test.ts': "import '@myst/testkit'" }

  test('all declared', () => {
    const declared = { dependencies: ['@myst/protocol', 'viem'], devDependencies: ['@myst/testkit'] }
    expect(manifest({ ...uses, ...testUses }, declared)).toEqual([])
  })
  test.each([
    ['missing', manifest(uses, {}), '@myst/protocol is missing in dependencies'],
    ['missing for tests', manifest(testUses, {}), '@myst/testkit is missing in devDependencies'],
    ['in the wrong list', manifest(uses, { devDependencies: ['@myst/protocol'] }), 'is missing in dependencies'],
    ['for tests alone', manifest(testUses, { dependencies: ['@myst/testkit'] }), 'is missing in devDependencies'],
    ['not used', manifest({}, { dependencies: ['@myst/protocol'] }), '@myst/protocol is declared and not used'],
  ])('%s', (_, lines, complaint) => expect(lines.join('\n')).toContain(complaint))

  test('programs that are started by their path count as used', () => {
    const devnet = aPackage('devnet', {}, { dependencies: ['@myst/node'] })
    expect(checkArrows([devnet, aPackage('node', {})])).toEqual([])
  })
})

test('draws the arrows', () => {
  const chain = aPackage('chain', { 'a.ts': "import '@myst/protocol'", 'a.test.ts': "import '@myst/testkit'" })
  expect(renderArrows([protocol, chain])).toBe(
    ['0 rules', '  protocol', '1 behaviour and edges', '  chain    → protocol'].join('\n'),
  )
})
