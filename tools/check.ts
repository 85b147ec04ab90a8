/**
 * Check: format, lint, types and arrows.
 *
 *     node tools/check.ts [--fix]
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { checkArrows, readPackages, renderArrows } from './arrows.ts'

const root = join(import.meta.dirname, '..')

interface Step {
  readonly name: string
  /** What is wrong, or undefined. */
  run(): string | undefined
}

const steps = (fix: boolean): readonly Step[] => [
  { name: 'format and lint', run: () => tool('biome', ['check', ...(fix ? ['--write'] : []), '.']) },
  { name: 'types', run: () => tool('tsc', ['-p', '.']) },
  { name: 'arrows', run: arrows },
]

/**
 * Runs every step, also after one failed, and says each with its seconds.
 *
 * @returns the names of the steps that failed.
 */
export function runChecks(say: (line: string) => void, { fix = false }: { readonly fix?: boolean } = {}): string[] {
  const failed: string[] = []
  for (const { name, run } of steps(fix)) {
    const startedMs = performance.now()
    const wrong = run()
    if (wrong !== undefined) {
      failed.push(name)
      say(wrong.trimEnd())
    }
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    say(`${wrong === undefined ? 'ok    ' : 'FAILED'} ${name.padEnd(16)} ${seconds} s`)
  }
  return failed
}

function tool(name: string, args: readonly string[]): string | undefined {
  const result = spawnSync(join(root, 'node_modules/.bin', name), args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH ?? ''}` },
  })
  if (result.error !== undefined) return `${name} does not start: ${result.error.message}`
  return result.status === 0 ? undefined : `${result.stdout}${result.stderr}`
}

function arrows(): string | undefined {
  const packages = readPackages()
  const wrong = checkArrows(packages)
  return wrong.length === 0 ? undefined : [renderArrows(packages), ...wrong].join('\n')
}

if (import.meta.main) {
  const args = process.argv.slice(2)
  const unknown = args.filter((arg) => arg !== '--fix')
  if (unknown.length > 0) {
    console.error(`./dev check knows --fix, not ${unknown.join(' ')}`)
    process.exitCode = 2
  } else {
    process.exitCode = runChecks(console.log, { fix: args.includes('--fix') }).length === 0 ? 0 : 1
  }
}
