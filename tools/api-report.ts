/**
 * `docs/api/*.txt`: what the packages that other people build on export, as TypeScript declares it, so that a change of it
 * shows in review.
 *
 * `node tools/api-report.ts` writes the reports; `tools/api-report.test.ts` holds them to the code.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
export const reported = ['protocol', 'payments', 'billing'] as const
export const reportPath = (name: string): string => join(root, 'docs/api', `${name}.txt`)

/** By package. */
export function renderReports(): ReadonlyMap<string, string> {
  const out = mkdtempSync(join(tmpdir(), 'myst-api-'))
  try {
    const config = join(root, `.api-report-${process.pid}.json`)
    // Each file by itself: what is reached through node_modules alone is not written.
    const include = reported.map((name) => `packages/${name}/src/*.ts`)
    const exclude = ['**/*.test.ts']
    const compilerOptions = { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: out, rootDir: root }
    writeFileSync(config, JSON.stringify({ extends: './tsconfig.json', include, exclude, compilerOptions }))
    try {
      execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { cwd: root, stdio: 'inherit' })
    } finally {
      rmSync(config)
    }
    return new Map(reported.map((name) => [name, reportOf(join(out, 'packages', name, 'src'))]))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

/** The door first, then each room behind it, without comments and imports. */
function reportOf(dir: string): string {
  const door = declared(join(dir, 'index.d.ts'))
  const rooms = [...door.matchAll(/from '\.\/([\w-]+)\.ts'/g)].map(([, name = '']) => name)
  const parts = rooms.toSorted().map((name) => `## ${name}\n\n${exportsOf(declared(join(dir, `${name}.d.ts`)))}`)
  return `${door.trim()}\n\n${parts.join('\n')}`
}

function declared(path: string): string {
  if (!existsSync(path)) throw new Error(`tsc wrote no ${path}`)
  return readFileSync(path, 'utf8').replace(/[ \t]*\/\*\*[\s\S]*?\*\/\n?/g, '')
}

function exportsOf(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^(import |export \{\};)/.test(line))
  return `${lines.join('\n')}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, report] of renderReports()) writeFileSync(reportPath(name), report)
}
