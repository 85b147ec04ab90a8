/**
 * `node main.ts <config.json>`: see `config.ts`.
 *
 * @module
 */

import { runProgram } from '@myst/program'

await runProgram(async (config, log) => {
  // Native code is loaded only after the Node version was checked.
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { readTransactorConfig } = await import('./config.ts')
  const { startTransactor } = await import('./transactor.ts')
  const options = await readTransactorConfig(await loadNativeCrypto(), config)
  const started = await startTransactor({ ...options, now: Date.now, log })
  const networks = started.networks.map(({ networkId, address }) => ({ networkId, transactor: address }))
  return {
    ready: { url: started.url, transactor: started.address, networks },
    report: () => Promise.all(started.networks.map((network) => network.status())),
    close: started.close,
  }
})
