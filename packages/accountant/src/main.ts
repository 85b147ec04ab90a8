/**
 * `node main.ts <config.json>`: `{profile, accountant?, keyFile, passphraseFile, nextKeyFile?, nextPassphraseFile?, or signer and
 * nextSigner in their place, dataDir, ledger?, host, port, partyBytesPerSecond?, recoveryMs?, trustProxy?, and the money's options (`options.ts`)}`;
 * `--recovered` after it, once: the ledger was put back from a copy that does not say so itself.
 *
 * @module
 */

import { readProfile, runProgram } from '@myst/program'
import { boundGarbage } from './heap-growth.ts'
import { accountantOf } from './which-accountant.ts'

boundGarbage()

await runProgram(async (config, log) => {
  // Native code is loaded only after the Node version was checked.
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { startAccountant } = await import('./accountant.ts')
  const { defaultOptions, moneyOptionsOf } = await import('./options.ts')
  const crypto = await loadNativeCrypto()
  const profile = await readProfile(config.text('profile'))
  const { needOperatorKey, readOperatorKey } = await import('./operator-key.ts')
  const accountant = accountantOf(config, profile)
  const started = await startAccountant({
    ...defaultOptions,
    profile,
    accountant,
    operatorKey: await needOperatorKey(crypto, config, log),
    nextOperatorKey: await readOperatorKey(crypto, config, log, 'next'),
    dataDir: config.text('dataDir'),
    ledger: config.optionalText('ledger'),
    host: config.optionalText('host') ?? defaultOptions.host,
    port: config.optionalNumber('port') ?? defaultOptions.port,
    partyBytesPerSecond: config.optionalNumber('partyBytesPerSecond') ?? defaultOptions.partyBytesPerSecond,
    ...moneyOptionsOf(config),
    recoveryMs: config.optionalNumber('recoveryMs'),
    recovered: process.argv.includes('--recovered'),
    trustProxy: config.value('trustProxy') === true,
    log,
    // Whoever may not sign any more ends at once, as if killed, and stands in line again when it is started anew.
    onLost: (fault) =>
      setImmediate(() => {
        throw fault
      }),
  })
  return { ready: { url: started.url, accountant }, report: started.status, close: started.close }
})
