/**
 * `node ledger-main.ts <config.json> backup|restore <file>`, or `… move <postgres://…>`: one answer as JSON on stdout,
 * `{file, entries}` or `{error}`.
 *
 * @module
 */

import { resolve } from 'node:path'
// First: it refuses an old Node before anything native is loaded.
import { type Config, readConfig, readProfile } from '@myst/program'
import { Fault } from '@myst/protocol'
import { answerOnce } from './answer-once.ts'
import { runningOf } from './ask-running.ts'

const [configPath, what, file = ''] = process.argv.slice(2)

async function answer(config: Config): Promise<object> {
  const dataDir = config.text('dataDir')
  if (what === 'move') {
    const there = config.optionalText('ledger')
    if (there !== undefined) throw new Fault('ledger-moved', { path: resolve(dataDir, 'ledger.db.moved') })
    return move(dataDir)
  }
  const { backUpLedger, restoreLedger } = await import('./back-up-ledger.ts')
  if (config.optionalText('ledger') !== undefined) throw new Fault('backup-not-here', { ledger: 'postgres' })
  if (what === 'restore') return { file, entries: await restoreLedger(dataDir, file) }
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const crypto = await loadNativeCrypto()
  const running = await runningOf(crypto, config, await readProfile(config.text('profile')))
  return { file, entries: await backUpLedger(crypto, { dataDir, ...running }, file) }
}

async function move(dataDir: string): Promise<object> {
  const { moveLedger } = await import('./move-ledger.ts')
  const entries = await moveLedger({ dataDir, configPath: resolve(configPath ?? '') }, file)
  return { file: resolve(dataDir, 'ledger.db.moved'), entries }
}

await answerOnce(async () => answer(await readConfig(configPath)))
