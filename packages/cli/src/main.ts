#!/usr/bin/env node
/**
 * The `myst` command.
 *
 * @module
 */

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`This needs Node 22.18 or newer; this is ${process.versions.node}. Run it through ./dev myst.\n`)
  process.exit(3)
}

// Whoever reads us may stop reading: `myst proposals | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { runCli } = await import('./run-cli.ts')
process.exitCode = await runCli(process.argv.slice(2), process)
