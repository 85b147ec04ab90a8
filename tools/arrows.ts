/**
 * Arrows: which package imports which, and whether it may.
 *
 * Reads the import statements of all workspaces and holds them against the layers: rules know nobody, behaviour knows
 * rules, edges know rules and a few named neighbours, programs know all below, faces know `api`. A package is entered
 * by its door alone, and what it imports stands in its `package.json`.
 *
 *     node tools/arrows.ts        prints the arrows as they are
 *
 * @module
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const root = join(import.meta.dirname, '..')
const scope = '@myst/'

const layers = ['rules', 'behaviour and edges', 'programs', 'faces', 'worlds'] as const

interface Room {
  readonly layer: number
  /** Packages it may import besides those of its layer's rule. */
  readonly neighbours?: readonly string[]
  /** Patterns of packages of the world that it may import; absent: any. */
  readonly world?: readonly RegExp[]
}

const edge = (...neighbours: readonly string[]): Room => ({ layer: 1, neighbours })

/** Every package has a row: a new one is placed here when its first code arrives. */
const rooms: Readonly<Record<string, Room>> = {
  protocol: { layer: 0, world: [/^@noble\//] },
  contracts: { layer: 0, world: [] },
  payments: { layer: 1, world: [] },
  'crypto-native': edge(),
  chain: edge(),
  store: edge(),
  link: edge(),
  nat: edge('link'),
  discovery: edge('link'),
  vpn: edge(),
  'vpn-wireguard': edge('vpn'),
  'vpn-openvpn': edge('vpn'),
  'vpn-shadowsocks': edge('vpn'),
  'vpn-proxy': edge('vpn'),
  api: edge(),
  netlab: edge(),
  program: edge('store'),
  billing: edge('payments', 'store'),
  accountant: { layer: 2 },
  transactor: { layer: 2 },
  node: { layer: 2 },
  devnet: { layer: 2, neighbours: ['accountant', 'transactor', 'node'] },
  cli: { layer: 3, neighbours: ['api', 'program', 'accountant', 'transactor', 'node', 'devnet'] },
  dashboard: { layer: 3, neighbours: ['api'] },
  testkit: { layer: 4 },
  e2e: { layer: 4 },
  bench: { layer: 4 },
}

/** Only tests may import these. */
const forTests: ReadonlySet<string> = new Set(['testkit', 'e2e', 'bench'])

export interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string
  readonly text: string
}

export interface Package {
  /** Without the scope. */
  readonly name: string
  /** Its folder, from the repository's root. */
  readonly dir: string
  readonly dependencies: readonly string[]
  readonly devDependencies: readonly string[]
  /** Ways in besides the door itself, as in `exports`. */
  readonly subpaths: readonly string[]
  readonly files: readonly SourceFile[]
}

/** What is wrong, as a sentence that begins with where. */
export type Misplaced = string

/** The workspaces of this repository with their sources. */
export function readPackages(): Package[] {
  const dirs = [...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`), 'contracts', 'e2e', 'bench']
  return dirs.filter((dir) => existsSync(join(root, dir, 'package.json'))).map(readPackage)
}

function readPackage(dir: string): Package {
  const manifest = JSON.parse(readFileSync(join(root, dir, 'package.json'), 'utf8')) as {
    name: string
    exports?: string | Record<string, unknown>
    dependencies?: Record<string, string>
    devDependencies?: Record<string, string>
  }
  const exported = typeof manifest.exports === 'object' ? Object.keys(manifest.exports) : []
  const paths = globSync('**/*.{ts,tsx}', {
    cwd: join(root, dir),
    exclude: (name) => ['node_modules', 'out', 'cache', 'dist'].includes(String(name)),
  })
  return {
    name: manifest.name.slice(scope.length),
    dir,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    subpaths: exported.filter((key) => key !== '.').map((key) => key.slice(2)),
    files: paths.sort().map((path) => ({
      path: `${dir}/${path.split(sep).join('/')}`,
      text: readFileSync(join(root, dir, path), 'utf8'),
    })),
  }
}

/** Tests and what is there for them alone. */
export const isTest = (path: string): boolean =>
  /\.(test|fixture)\.tsx?$/.test(path) || /(^|\/)test\//.test(path) || /(^|\/)testing\.ts$/.test(path)

/** All that a file imports, in any form; comments and strings that look like imports are not. */
export function importsOf(text: string): string[] {
  const found = new Set<string>()
  for (const [, specifier] of text.matchAll(/^(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]/gm)) {
    found.add(specifier as string)
  }
  for (const [, specifier] of text.matchAll(/^import\s+['"]([^'"]+)['"]/gm)) found.add(specifier as string)
  for (const line of text.split('\n')) {
    if (/^\s*(\*|\/\/|\/\*)/.test(line)) continue
    for (const [, specifier] of line.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) found.add(specifier as string)
  }
  return [...found]
}

/** Every arrow that may not be, every back door, every dependency that is missing, surplus or in the wrong list. */
export function checkArrows(packages: readonly Package[]): Misplaced[] {
  return packages.flatMap((of) => [...checkImports(of, packages), ...checkManifest(of)])
}

function checkImports(of: Package, packages: readonly Package[]): Misplaced[] {
  const room = rooms[of.name]
  if (room === undefined) return [`${of.dir}: no layer for ${of.name}; give it a row in tools/arrows.ts`]
  return of.files.flatMap(({ path, text }) =>
    importsOf(text).flatMap((specifier): Misplaced[] => {
      const wrong = checkImport(of, room, path, specifier, packages)
      return wrong === undefined ? [] : [`${path}: ${wrong}`]
    }),
  )
}

function checkImport(
  of: Package,
  room: Room,
  path: string,
  specifier: string,
  packages: readonly Package[],
): string | undefined {
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(path), specifier))
    return target.startsWith(`${of.dir}/`) ? undefined : `reaches out of its package to ${target}`
  }
  if (!specifier.startsWith(scope)) {
    const allowed = isTest(path) || room.world === undefined || room.world.some((known) => known.test(specifier))
    return allowed ? undefined : `${of.name} imports nothing of the world like ${specifier}`
  }
  const [name = '', ...inside] = specifier.slice(scope.length).split('/')
  const target = packages.find((other) => other.name === name)
  if (target === undefined) return `there is no ${specifier}`
  if (inside.length > 0 && !target.subpaths.includes(inside.join('/'))) {
    return `enters ${scope}${name} by ${specifier}, not by its door`
  }
  if (name === of.name) return `imports its own door ${specifier}`
  return mayImport(of.name, name, isTest(path)) ? undefined : `${of.name} may not import ${name}`
}

/** The table itself. */
export function mayImport(from: string, to: string, test: boolean): boolean {
  const [a, b] = [rooms[from], rooms[to]]
  if (a === undefined || b === undefined) return false
  if (a.layer === 4) return true
  if (test && (to === 'testkit' || b.layer <= a.layer)) return true
  if (forTests.has(to)) return false
  if (a.neighbours?.includes(to) === true) return true
  if (a.layer === 1) return b.layer === 0
  return a.layer === 2 && b.layer < 2
}

function checkManifest(of: Package): Misplaced[] {
  const used = usedBy(of, (path) => !isTest(path))
  const usedInTests = usedBy(of, isTest)
  const declared = new Set([...of.dependencies, ...of.devDependencies].filter((name) => name.startsWith(scope)))
  const wrong: string[] = []
  for (const name of used) if (!of.dependencies.includes(name)) wrong.push(`${name} is missing in dependencies`)
  for (const name of usedInTests) {
    if (!used.has(name) && !of.devDependencies.includes(name)) wrong.push(`${name} is missing in devDependencies`)
  }
  for (const name of declared) {
    if (startsAsProcess(of.name, name)) continue
    if (!used.has(name) && !usedInTests.has(name)) wrong.push(`${name} is declared and not used`)
    else if (!used.has(name) && of.dependencies.includes(name)) wrong.push(`${name} is for tests: devDependencies`)
  }
  return wrong.map((what) => `${of.dir}/package.json: ${what}`)
}

/** The devnet and the command line start programs by their path, without an import. */
const startsAsProcess = (from: string, door: string): boolean =>
  rooms[from]?.neighbours?.some((name) => scope + name === door && rooms[name]?.layer === 2) === true

function usedBy({ files, name }: Package, which: (path: string) => boolean): Set<string> {
  const specifiers = files.filter(({ path }) => which(path)).flatMap(({ text }) => importsOf(text))
  const doors = specifiers.filter((specifier) => specifier.startsWith(scope))
  return new Set(
    doors.map((specifier) => specifier.split('/').slice(0, 2).join('/')).filter((door) => door !== scope + name),
  )
}

/** The arrows as they are, tests left out, as a small picture. */
export function renderArrows(packages: readonly Package[] = readPackages()): string {
  const width = Math.max(...packages.map(({ name }) => name.length))
  return layers
    .flatMap((title, layer) => {
      const members = packages.filter(({ name }) => rooms[name]?.layer === layer)
      if (members.length === 0) return []
      return [`${layer} ${title}`, ...members.map((of) => renderRow(of, width))]
    })
    .join('\n')
}

function renderRow(of: Package, width: number): string {
  const targets = [...usedBy(of, (path) => !isTest(path))].map((door) => door.slice(scope.length))
  const order = targets.sort((a, b) => (rooms[a]?.layer ?? 0) - (rooms[b]?.layer ?? 0) || a.localeCompare(b))
  return order.length === 0 ? `  ${of.name}` : `  ${of.name.padEnd(width)} → ${order.join(' ')}`
}

if (import.meta.main) {
  const packages = readPackages()
  console.log(renderArrows(packages))
  const wrong = checkArrows(packages)
  for (const line of wrong) console.error(line)
  process.exitCode = wrong.length === 0 ? 0 : 1
}
