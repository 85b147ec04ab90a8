/**
 * The API's server on a fake core, as a process of its own: `node api-server.fixture.ts <dataDir>`.
 *
 * @module
 */

import { startApiServer } from './api-server.ts'
import { createChangeSignal } from './change-signal.ts'
import { alice, createFakeCore } from './fake-core.fixture.ts'

const { changed, onChange } = createChangeSignal()
const core = createFakeCore(changed)
const server = await startApiServer(
  {
    core,
    identities: async () => [alice],
    stop: () => {
      server.refuseCalls()
      setTimeout(() => void server.close().then(() => process.exit(0)), 100)
    },
    onChange,
    log: console.error,
  },
  { dataDir: process.argv[2] as string },
)
process.on('message', () => core.pay(10n ** 18n))
process.on('disconnect', () => process.exit(0))
console.log('ready')
