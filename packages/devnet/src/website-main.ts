/**
 * `node website-main.ts <config.json>`: `{host, port}`. Its starter asks over IPC who visited.
 *
 * @module
 */

import { runProgram } from '@myst/program'
import { startWebsite } from './website.ts'

await runProgram(async (config) => {
  const website = await startWebsite(config.text('host'), config.number('port'))
  const report = () => Object.fromEntries(website.visitors)
  return { ready: { url: website.url }, report, close: website.close }
})
