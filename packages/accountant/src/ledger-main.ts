/**
 * `node ledger-main.ts <config.json> backup|restore <file>`: one answer as JSON on stdout, `{file, entries}` or `{error}`.
 *
 * @module
 */

// First: it refuses an old Node before anything native is loaded.
import { type Config, readConfig, readKey, readProfile } from '@myst/program'
import { Fault } from '@myst/protocol'
import { accountantOf } from './which-accountant.ts'

const [configPath, what, file = ''] = process.argv.slice(2)

async function answer(config: Config): Promise<object> {
  const { backUpLedger, restoreLedger } = await import('./back-up-ledger.ts')
  const dataDir = config.text('dataDir')
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
