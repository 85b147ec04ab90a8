/**
 * Planted mistakes: a check is worth something once it was seen to fail. A folder's sources are copied beside themselves with
 * one mistake in them, loaded, and removed.
 *
 * @module
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Mistake {
  /** What the mistaken program does, in words. */
  readonly what: string
  readonly file: string
  /** Stands exactly once in the file; otherwise the mistake is none any more, and loading it throws. */
  readonly find: string
  readonly put: string
}

/** @param folder of sources that import each other by `./`; files of tests are left out. @param door the file to load. */
export async function loadMistaken<T>(folder: string, door: string, { file, find, put }: Mistake): Promise<T> {
  const copy = mkdtempSync(join(folder, '.planted-'))
  try {
    for (const name of readdirSync(folder).filter((of) => /\.ts$/.test(of) && !/\.(test|fixture)\.ts$/.test(of))) {
      const source = readFileSync(join(folder, name), 'utf8')
      const parts = source.split(find)
      if (name === file && parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`)
      writeFileSync(join(copy, name), name === file ? parts.join(put) : source)
    }
    return (await import(/* @vite-ignore */ join(copy, door))) as T
  } finally {
    rmSync(copy, { recursive: true })
  }
}
