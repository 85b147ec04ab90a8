/**
 * cli: the `myst` command. It speaks to a running node through `api`, and starts the programs: the node, the devnet.
 *
 * Every command answers with text for people, or with one JSON object (`--json`), and ends with 0 done, 1 refused, 2 used
 * wrongly, 3 something needed does not answer.
 *
 * @example
 * const exitCode = await runCli(['status', '--json'], process)
 *
 * @module
 */

export { runCli } from './run-cli.ts'
export type { Output, Shell } from './shell.ts'
