/**
 * `node main.ts <config.json>`: `{profile, accountant?, keyFile, passphraseFile, dataDir, ledger?, host, port,
 * partyBytesPerSecond?, trustProxy?, and the money's options (`options.ts`)}`.
 *
 * @module
 */

import { readKey, readProfile, runProgram } from '@myst/program'
import { Fault, isAddress } from '@myst/protocol'

await runProgram(async (config, log) => {
  // Native code is loaded only after the Node version was checked.
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { startAccountant } = await import('./accountant.ts')
  const { defaultOptions, moneyOptionsOf } = await import('./options.ts')
  const crypto = await loadNativeCrypto()
  const profile = await readProfile(config.text('profile'))
  const [only, another] = profile.accountants
  const accountant = config.optionalText('accountant') ?? (another === undefined ? only?.address : undefined)
  if (!isAddress(accountant)) throw new Fault('config-invalid', { name: 'accountant', wanted: 'a lower-case address' })
  const started = await startAccountant({
    ...defaultOptions,
    profile,
    accountant,
    operatorKey: await readKey(crypto, config.text('keyFile'), config.text('passphraseFile')),
    dataDir: config.text('dataDir'),
    ledger: config.optionalText('ledger'),
    host: config.optionalText('host') ?? defaultOptions.host,
    port: config.optionalNumber('port') ?? defaultOptions.port,
    partyBytesPerSecond: config.optionalNumber('partyBytesPerSecond') ?? defaultOptions.partyBytesPerSecond,
    ...moneyOptionsOf(config),
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
