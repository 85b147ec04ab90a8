/**
 * `node main.ts <config.json>`: `{profile, keyFile, passphraseFile, mystPerNative, dataDir, host, port}`.
 *
 * @module
 */

import { readKey, readProfile, runProgram } from '@myst/program'

await runProgram(async (config, log) => {
  // Native code is loaded only after the Node version was checked.
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { startTransactor } = await import('./transactor.ts')
  const started = await startTransactor({
    profile: await readProfile(config.text('profile')),
    key: await readKey(await loadNativeCrypto(), config.text('keyFile'), config.text('passphraseFile')),
    mystPerNative: config.amount('mystPerNative'),
    dataDir: config.text('dataDir'),
    host: config.optionalText('host') ?? '127.0.0.1',
    port: config.optionalNumber('port') ?? 4070,
    log,
  })
  return { ready: { url: started.url, transactor: started.address }, close: started.close }
})
