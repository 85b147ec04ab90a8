/**
 * Vectors: what other implementations, and our own contracts, are held to. One JSON file a subject in `vectors/`.
 *
 *     node tools/vectors.ts [--check]
 *
 * They are made by `protocol`, the same bytes each time; the contracts' tests, viem and Node's own crypto check them
 * from their side. `--check` writes nothing and fails where a file is not what this makes.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { channelAddressVectors, preimageVectors, priceVectors } from './vectors/derived.ts'
import { cborVectors, messageVectors } from './vectors/encoding.ts'
import { signatureVectors } from './vectors/signatures.ts'
import { structVectors } from './vectors/structs.ts'
import type { VectorFile } from './vectors/vector.ts'

const vectorsDir = join(import.meta.dirname, '../vectors')

export const vectorFiles = (): Readonly<Record<string, VectorFile>> => ({
  ...structVectors(),
  signature: signatureVectors(),
  'channel-address': channelAddressVectors(),
  preimage: preimageVectors(),
  price: priceVectors(),
  cbor: cborVectors(),
  message: messageVectors(),
})

/** What `vectors/` should hold, by file name. */
export function renderVectors(): Map<string, string> {
  return new Map(Object.entries(vectorFiles()).map(([name, file]) => [`${name}.json`, `${render(file)}\n`]))
}

/** Names of files that differ, are missing, or have no source. */
export function staleVectors(files: Map<string, string> = renderVectors()): string[] {
  const found = existsSync(vectorsDir) ? readdirSync(vectorsDir).filter((name) => name.endsWith('.json')) : []
  const different = [...files].filter(([name, text]) => {
    const path = join(vectorsDir, name)
    return !existsSync(path) || readFileSync(path, 'utf8') !== text
  })
  return [...different.map(([name]) => name), ...found.filter((name) => !files.has(name))]
}

const render = (file: VectorFile): string => JSON.stringify(file, undefined, 2)

if (import.meta.main) {
  const files = renderVectors()
  const stale = staleVectors(files)
  if (process.argv.includes('--check')) {
    if (stale.length > 0) console.error(`vectors are stale: ${stale.join(', ')}. Run node tools/vectors.ts.`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } else {
    mkdirSync(vectorsDir, { recursive: true })
    for (const name of stale) {
      const text = files.get(name)
      if (text === undefined) console.error(`${name} has no source: remove it`)
      else writeFileSync(join(vectorsDir, name), text)
    }
    console.log(`${files.size} files, ${stale.length} written`)
  }
}
