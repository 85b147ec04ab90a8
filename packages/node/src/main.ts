/**
 * Runs a node: `node packages/node/src/main.ts config.json`.
 *
 * One line of JSON on stdout says that it is ready, the log goes to stderr. SIGTERM and SIGINT end it gracefully, a second
 * signal at once. Exit codes: 0 ended as asked, 1 refused, 2 used wrongly, 3 something it needs does not answer.
 *
 * @module
 */

import process from 'node:process'

/** Sessions are paid and ended within it; a stuck peer must not hold a shutdown for ever. */
const closeTimeoutMs = 10_000
/** Older ones don't strip types from what is loaded here, and native modules crash in them. */
const oldestNode = [22, 18] as const

const say = (line: string): void => {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`)
}

function refuseOldNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  say(`This needs Node ${oldestNode.join('.')} or newer; this is ${process.versions.node}.`)
  process.exit(2)
}

async function main(): Promise<number> {
  const [configPath, ...rest] = process.argv.slice(2)
  if (configPath === undefined || rest.length > 0) {
    say('Usage: node packages/node/src/main.ts config.json')
    return 2
  }
  // All that a node writes is its owner's alone, sockets included.
  process.umask(0o077)
  const passphrase = process.env.MYST_PASSPHRASE
  // Programs that the node starts have no use for it.
  delete process.env.MYST_PASSPHRASE

  const { readNodeConfig } = await import('./node-config.ts')
  const { startNodeProgram } = await import('./node-program.ts')
  const signals = watchSignals()
  const config = await readNodeConfig(configPath)
  const node = await startNodeProgram({ config, log: say, ...(passphrase === undefined ? {} : { passphrase }) })
  const { identity, socketPath: socket, url } = node
  process.stdout.on('error', () => {})
  process.stdout.write(`${JSON.stringify({ ready: true, identity, socket, ...(url === undefined ? {} : { url }) })}\n`)

  say(await Promise.race([signals, node.stopAsked.then(() => 'asked to stop; ending sessions')]))
  const timer = setTimeout(() => {
    say(`not closed within ${closeTimeoutMs / 1000} s; leaving as it is`)
    process.exit(1)
  }, closeTimeoutMs)
  await node.close()
  clearTimeout(timer)
  return 0
}

/** Resolves at the first signal with what to say; the second ends the process. */
function watchSignals(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(signal === 'SIGINT' ? 130 : 143)
        asked = true
        resolve(`${signal}: ending sessions; once more to leave at once`)
      })
    }
  })
}

refuseOldNode()
try {
  process.exit(await main())
} catch (error) {
  const { explain, exitCodeOf, Fault } = await import('@myst/api')
  if (!(error instanceof Fault)) throw error
  const { what, todo } = explain(error)
  say(`${error.code}: ${what}${todo === '' ? '' : ` ${todo}`}`)
  process.exit(exitCodeOf(error))
}
