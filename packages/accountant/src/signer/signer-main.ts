/**
 * `node signer-main.ts <config.json>`: `{keyFile, passphraseFile, socket, forGroup?}`.
 *
 * @module
 */

import { readKey, runProgram } from '@myst/program'

await runProgram(async (config) => {
  // Native code is loaded only after the Node version was checked.
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { startSigner } = await import('./signer-server.ts')
  const crypto = await loadNativeCrypto()
  const socketPath = config.text('socket')
  const key = await readKey(crypto, config.text('keyFile'), config.text('passphraseFile'))
  const signer = await startSigner(crypto, { key, socketPath, forGroup: config.value('forGroup') === true })
  return { ready: { socket: socketPath, operator: signer.address }, close: signer.close }
})
