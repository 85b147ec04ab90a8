/**
 * Reads the published vectors, for whoever is held to them.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const vectorsDir = join(import.meta.dirname, '../../../vectors')

/** What all vectors have; a subject's other fields are its reader's to name. */
export interface Vector {
  readonly name: string
  readonly why: string
}

/** The vectors of `vectors/<subject>.json`. */
export function readVectors<T extends object>(subject: string): readonly (Vector & T)[] {
  const file = JSON.parse(readFileSync(join(vectorsDir, `${subject}.json`), 'utf8')) as { vectors: (Vector & T)[] }
  if (file.vectors.length === 0) throw new Error(`no vectors in ${subject}.json`)
  return file.vectors
}
