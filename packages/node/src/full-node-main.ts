/**
 * `node full-node-main.ts <config.json>`: `{networkId, addresses: [{host, port, stunPort?}], bootstrap?: ["host:port"],
 * lab?}`.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { runProgram } from '@myst/program'
import { Fault } from '@myst/protocol'
import type { FullNodeAddress } from './full-nodes.ts'

await runProgram(async (config) => {
  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { startFullNodes } = await import('./full-nodes.ts')
  const addresses = config.value('addresses')
  if (!Array.isArray(addresses) || !addresses.every(isAddress)) {
    throw new Fault('config-invalid', { name: 'addresses', wanted: 'a list of {host, port, stunPort?}' })
  }
  const running = await startFullNodes({
    networkId: config.text('networkId'),
    addresses,
    bootstrap: (config.value('bootstrap') as string[] | undefined) ?? [],
    seed: new Uint8Array(randomBytes(32)),
    lab: config.value('lab') === true,
    crypto: await loadNativeCrypto(),
  })
  return { ready: { fullNodes: addresses.length }, close: running.close }
})

function isAddress(value: unknown): value is FullNodeAddress {
  const { host, port } = (value ?? {}) as Partial<FullNodeAddress>
  return typeof host === 'string' && Number.isInteger(port)
}
