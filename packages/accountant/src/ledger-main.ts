/**
 * `node ledger-main.ts <config.json> backup|restore <file>`, or `… move <postgres://…>`: one answer as JSON on stdout,
 * `{file, entries}` or `{error}`.
 *
 * @module
 */

import { resolve } from 'node:path'
// First: it refuses an old Node before anything native is loaded.
import { type Config, readConfig, readKey, readProfile } from '@myst/program'
import { Fault } from '@myst/protocol'
import { accountantOf } from './which-accountant.ts'

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
  const { defaultOptions } = await import('./options.ts')
  const crypto = await loadNativeCrypto()
  const profile = await readProfile(config.text('profile'))
  const place = {
    dataDir,
    host: config.optionalText('host') ?? defaultOptions.host,
    port: config.optionalNumber('port') ?? defaultOptions.port,
    domain: { chainId: profile.chainId, verifyingContract: accountantOf(config, profile) },
    operatorKey: await readKey(crypto, config.text('keyFile'), config.text('passphraseFile')),
  }
  return { file, entries: await backUpLedger(crypto, place, file) }
}

async function move(dataDir: string): Promise<object> {
  const { moveLedger } = await import('./move-ledger.ts')
  const entries = await moveLedger({ dataDir, configPath: resolve(configPath ?? '') }, file)
  return { file: resolve(dataDir, 'ledger.db.moved'), entries }
}

try {
  process.stdout.write(`${JSON.stringify(await answer(await readConfig(configPath)))}\n`)
} catch (error) {
  if (!(error instanceof Fault)) throw error
  const facts = Object.entries(error.facts).map(([name, value]) => [
    name,
    typeof value === 'bigint' ? `${value}` : value,
  ])
  process.stdout.write(`${JSON.stringify({ error: { code: error.code, facts: Object.fromEntries(facts) } })}\n`)
  process.exitCode = 1
}
