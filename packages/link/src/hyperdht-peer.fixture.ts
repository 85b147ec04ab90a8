/** A peer in a process of its own, to be killed: `node hyperdht-peer.fixture.ts <bootstrap> <seed hex>`; prints its key. */

import { fromHex, toHex } from '@myst/protocol'
import { createHyperdhtNode } from './hyperdht.ts'

const [, , bootstrap = '', seed = ''] = process.argv
const node = createHyperdhtNode({
  bootstrap: [bootstrap],
  seed: fromHex(seed),
  bind: { host: '127.0.0.1' },
  mayDial: () => true,
})
node.onLink((link) => link.onRequest('/myst/echo/1.0', (body) => body))
await node.listen()
console.log(toHex(node.publicKey))
