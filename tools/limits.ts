/**
 * `docs/limits.md`: every named bound in the code, with its value and its reason, so that the page can't fall behind.
 *
 * A bound is a constant called `max…`, or ending in `Ms`, `Bytes`; its reason is the comment above it.
 * `node tools/limits.ts` writes the page; `tools/limits.test.ts` holds it to the code.
 *
 * @module
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = `${root}docs/limits.md`
const bound = /^(?:export )?const (max[A-Z]\w*|\w+Ms|\w+Bytes)(?:: [\w<>]+)? = ([\d_n .*+<()-]+|\w+ [*+] [\w +*()]+)$/
/** A plain unit of time: it bounds nothing. */
const timeUnit = /^(second|minute|hour|day)Ms$/
/** A reason longer than this is a story; its first sentence serves. */
const maxReasonLength = 200

interface Bound {
  readonly name: string
  readonly value: string
  readonly reason: string
}

function boundsIn(source: string): Bound[] {
  const lines = source.split('\n')
  return lines.flatMap((line, index) => {
    const [, name, value] = bound.exec(line.replace(/ \/\/ .*$/, '')) ?? []
    if (name === undefined || value === undefined || timeUnit.test(name)) return []
    return { name, value: value.trim(), reason: reasonAt(lines, index) }
  })
}

/** The comment that ends on the line above, or stands behind the value. */
function reasonAt(lines: readonly string[], index: number): string {
  const behind = / \/\/ (.*)$/.exec(lines[index] ?? '')?.[1]
  if (behind !== undefined) return behind
  const above: string[] = []
  for (let at = index - 1; at >= 0; at--) {
    const text = lines[at]?.trim() ?? ''
    if (!/^(\/\*\*|\*|\/\/)/.test(text)) break
    above.unshift(text.replace(/^(\/\*\*|\*\/|\*|\/\/)\s?/, '').replace(/\s*\*\/$/, ''))
    if (text.startsWith('/**')) break
  }
  const reason = above.join(' ').trim()
  return reason.length <= maxReasonLength ? reason : `${reason.split('. ')[0]}.`
}

export function renderLimits(): string {
  const files = globSync('packages/*/src/**/*.ts', { cwd: root })
    .filter((file) => !/\.test\.ts$|\.d\.ts$|fixture|testing/.test(file))
    .toSorted()
  const parts = new Map<string, string[]>()
  for (const file of files) {
    const [, name = ''] = file.split('/')
    const rows = boundsIn(readFileSync(`${root}${file}`, 'utf8')).map(
      ({ name: bound, value, reason }) =>
        `| \`${bound}\` | ${value.replaceAll('|', '\\|')} | ${reason.replaceAll('|', '\\|')} |`,
    )
    parts.set(name, [...(parts.get(name) ?? []), ...rows])
  }
  const tables = [...parts]
    .filter(([, rows]) => rows.length > 0)
    .map(([name, rows]) => `## ${name}\n\n| bound | value | reason |\n|---|---|---|\n${rows.join('\n')}\n`)
  return `# Limits\n\nEvery queue, message, wait and retry has a bound with a name and a reason. Made from the code by\n\`tools/limits.ts\`; milliseconds, bytes and base units as the names say.\n\n${tables.join('\n')}`
}

if (import.meta.main) writeFileSync(page, renderLimits())
