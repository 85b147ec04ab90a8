/**
 * The token that opens the API: random, made at first start, in a file that only its owner reads.
 *
 * @module
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'

const tokenPattern = /^[0-9a-f]{64}$/

/** The token in the file; a new one where there is none, none that can be used, or one that others can read. */
export async function openApiToken(path: string): Promise<string> {
  return (await readPrivate(path)) ?? (await writeToken(path))
}

async function readPrivate(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const { mode } = await file.stat()
    const token = (await readFile(file, 'utf8')).trim()
    return (mode & 0o077) === 0 && tokenPattern.test(token) ? token : undefined
  } finally {
    await file.close()
  }
}

/** Written beside and renamed, so that a link somebody left there is replaced and not followed. */
async function writeToken(path: string): Promise<string> {
  const token = randomBytes(32).toString('hex')
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  const file = await open(beside, 'wx', 0o600)
  try {
    await file.writeFile(`${token}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  return token
}

/** Takes the same time for every wrong token of any length: digests are compared. */
export const sameToken = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token))

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
