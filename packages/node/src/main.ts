/**
 * Runs a node: `node packages/node/src/main.ts config.json`.
 *
 * One line of JSON on stdout says that it is ready, the log goes to stderr. SIGTERM, SIGINT, or the end of a parent that
 * holds an IPC channel end it gracefully, the same signal again at once. Exit codes: 0 ended as asked, 1 refused, 2 used
 * wrongly, 3 something it needs does not answer.
 *
 * @module
 */

// First: it refuses an old Node before anything native is loaded.
import '@myst/program'
import process from 'node:process'

/** Sessions are paid and ended within it; a stuck peer must not hold a shutdown for ever. */
const closeTimeoutMs = 10_000

const say = (line: string): void => {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`)
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

/**
 * Resolves at the first reason to end with what to say. The same one again ends the process at once; another one does not,
 * since Ctrl-C comes from the terminal and then, as SIGTERM, from a parent that got it too.
 */
function watchSignals(): Promise<string> {
  return new Promise((resolve) => {
    const seen = new Set<string>()
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) {
      process.on(event, () => {
        if (seen.has(event)) process.exit(event === 'SIGINT' ? 130 : 143)
        seen.add(event)
        resolve(`${event}: ending sessions; once more to leave at once`)
      })
    }
  })
}

try {
  process.exit(await main())
} catch (error) {
  const { explain, exitCodeOf, Fault } = await import('@myst/api')
  if (!(error instanceof Fault)) {
    say(error instanceof Error ? (error.stack ?? '') : '')
    // Last, since whoever started the program looks at the last line.
    say(`bug: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
  const { what, todo } = explain(error)
  say(`${error.code}: ${what}${todo === '' ? '' : ` ${todo}`}`)
  process.exit(exitCodeOf(error))
}
