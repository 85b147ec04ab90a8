/**
 * A disk that loses power: what a program really did to its files, recorded by strace, and every state in which a power cut
 * may leave them.
 *
 * What was synced stays. What was not may be there, or not, in any order, and a write may be torn between its sectors of 512
 * bytes. Names (made, renamed, removed) are kept up to some point in their order after the folder's last sync, as journaling
 * file systems do.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** @returns why nothing can be traced here, or undefined. */
export function whyNoStrace(): string | undefined {
  const { status, error } = spawnSync('strace', ['-o', '/dev/null', 'true'])
  if (error !== undefined) return 'strace is not installed (Debian: apt-get install strace)'
  return status === 0 ? undefined : 'strace may not trace here (it needs the right to ptrace)'
}

export type DiskOp =
  | { readonly kind: 'make'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'cut'; readonly path: string; readonly length: number }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  /** The program told somebody. */
  | { readonly kind: 'say'; readonly text: string }

const calls = 'openat,write,pwrite64,fsync,fdatasync,ftruncate,unlink,unlinkat,rename,renameat2,fallocate,mmap'

/** Runs a command under strace and returns, in order, what it did to the files in `folder` and what it said on stdout. */
export function traceDisk(folder: string, command: readonly string[]): readonly DiskOp[] {
  const out = join(folder, 'trace')
  const args = ['-f', '-y', '-xx', '-s', '100000000', '-e', `trace=${calls}`, '-o', out, ...command]
  const { status, stderr } = spawnSync('strace', args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(`the traced program failed: ${stderr}`)
  const lines = readFileSync(out, 'latin1').split('\n')
  rmSync(out)
  return wholeCalls(lines).flatMap((line) => readCall(line, folder))
}

/** Calls that another thread's line cut in two count where they end. */
function wholeCalls(lines: readonly string[]): string[] {
  const begun = new Map<string, string>()
  return lines.flatMap((line) => {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const [, beginning] = /^(.*) <unfinished \.\.\.>$/.exec(call) ?? []
    const [, end] = /^<\.\.\. \w+ resumed>(.*)$/.exec(call) ?? []
    if (beginning !== undefined) begun.set(thread, beginning)
    if (end !== undefined) return [`${begun.get(thread)}${end}`]
    // What is left are signals and the ends of threads.
    return beginning !== undefined || !/^\w/.test(call) ? [] : [call]
  })
}

function readCall(line: string, folder: string): DiskOp[] {
  const [, name, rest = '', result = ''] = /^(\w+)\((.*)\) += (-?\w+)/.exec(line) ?? []
  if (name === undefined) throw new Error(`strace said ${line.slice(0, 200)}`)
  if (result.startsWith('-')) return []
  const fd = Number(/^(\d+)</.exec(rest)?.[1])
  if (name === 'write' && fd === 1) return [{ kind: 'say', text: Buffer.from(stringsIn(rest)[0] ?? '').toString() }]
  const paths = [/^\d+<([^>]*)>/.exec(rest)?.[1], ...[...rest.matchAll(/"([^"]{0,4000})"/g)].map(([, of]) => of)]
    .map((of) => Buffer.from(bytesOfHex(of ?? '')).toString())
    .filter((of) => of === folder || of.startsWith(`${folder}/`))
  const [path, to] = paths
  if (path === undefined) return []
  const numbers = rest
    .replace(/"[^"]*"/g, '""')
    .split(', ')
    .map(Number)
  switch (name) {
    case 'openat':
      return /O_CREAT/.test(rest) ? [{ kind: 'make', path }] : []
    case 'pwrite64':
      return [{ kind: 'write', path, at: numbers.at(-1) as number, bytes: stringsIn(rest)[0] as Uint8Array }]
    case 'ftruncate':
      return [{ kind: 'cut', path, length: numbers.at(-1) as number }]
    case 'fsync':
    case 'fdatasync':
      return [{ kind: 'sync', path }]
    case 'unlink':
      return [{ kind: 'remove', path }]
    case 'rename':
      return [{ kind: 'rename', path, to: to as string }]
    default:
      // What this disk does not know it must not pass over.
      if (name === 'mmap' && !/MAP_SHARED/.test(rest)) return []
      throw new Error(`${name} on ${path}`)
  }
}

const stringsIn = (text: string): Uint8Array[] => [...text.matchAll(/"([^"]*)"/g)].map(([, of]) => bytesOfHex(of ?? ''))

/** `\x41\x42` as bytes. */
const bytesOfHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll('\\x', ''), 'hex'))

interface File {
  synced: Uint8Array
  pending: Extract<DiskOp, { kind: 'write' | 'cut' }>[]
}

/** With the file that a name was made for. */
type NameOp = { readonly op: Extract<DiskOp, { kind: 'make' | 'remove' | 'rename' }>; readonly file: File }

/** The smallest sectors in use: a disk writes one wholly or not at all. */
const sectorBytes = 512

export interface TracedDisk {
  /** Everything that was done before this operation, and then no power; `random` gives numbers in [0, 1). */
  cutPower(random: () => number): ReadonlyMap<string, Uint8Array>
  do(op: DiskOp): void
}

export function createTracedDisk(): TracedDisk {
  /** As a running program sees it, and as the folder was at its last sync. */
  const names = new Map<string, File>()
  let synced = new Map<string, File>()
  let renamed: NameOp[] = []

  function fileAt(path: string): File {
    const file = names.get(path)
    if (file === undefined) throw new Error(`${path} was written and never made`)
    return file
  }

  function change(of: Map<string, File>, { op, file }: NameOp): void {
    if (op.kind === 'make') {
      if (!of.has(op.path)) of.set(op.path, file)
      return
    }
    const before = of.get(op.path)
    of.delete(op.path)
    if (op.kind === 'rename' && before !== undefined) of.set(op.to, before)
  }

  return {
    do(op) {
      switch (op.kind) {
        case 'write':
        case 'cut':
          fileAt(op.path).pending.push(op)
          return
        case 'sync': {
          const file = names.get(op.path)
          if (file === undefined) {
            synced = new Map(names)
            renamed = []
          } else {
            file.synced = contentOf(file, () => true)
            file.pending = []
          }
          return
        }
        case 'say':
          return
        default: {
          const file = op.kind === 'make' ? names.get(op.path) : undefined
          const named = { op, file: file ?? { synced: new Uint8Array(), pending: [] } }
          change(names, named)
          renamed.push(named)
        }
      }
    },
    cutPower(random) {
      const left = new Map(synced)
      const kept = Math.floor(random() * (renamed.length + 1))
      for (const op of renamed.slice(0, kept)) change(left, op)
      // Between nothing and everything: both ends are states too.
      const share = [0, 1, 0.5, random()][Math.floor(random() * 4)] as number
      return new Map([...left].map(([path, file]) => [basename(path), contentOf(file, () => random() < share)]))
    },
  }
}

/** A file with those of its unsynced sectors that `keep` keeps. */
function contentOf({ synced, pending }: File, keep: () => boolean): Uint8Array {
  let content = synced
  for (const op of pending) {
    if (op.kind === 'cut') {
      if (keep()) content = content.length > op.length ? content.slice(0, op.length) : grown(content, op.length)
      continue
    }
    for (let from = 0; from < op.bytes.length; ) {
      const at = op.at + from
      const length = Math.min(sectorBytes - (at % sectorBytes), op.bytes.length - from)
      if (keep()) {
        content = content === synced ? content.slice() : content
        content = grown(content, at + length)
        content.set(op.bytes.subarray(from, from + length), at)
      }
      from += length
    }
  }
  return content
}

function grown(content: Uint8Array, length: number): Uint8Array {
  if (content.length >= length) return content
  const longer = new Uint8Array(length)
  longer.set(content)
  return longer
}

/** Writes a state into an empty folder. */
export function writeState(folder: string, state: ReadonlyMap<string, Uint8Array>): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of state) writeFileSync(join(folder, name), content)
}
