/**
 * Refuses an old Node before anything native is loaded: better-sqlite3 crashes under Node 20, without a message.
 *
 * And keeps compiled code for the next start (Node's own cache, in the system's folder for temporary files): measured, a
 * program then starts with half the processor time.
 *
 * @module
 */

import { enableCompileCache } from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`This needs Node 22.18 or newer; this is ${process.versions.node}. Run it through ./dev.\n`)
  process.exit(3)
}

enableCompileCache()
