// A full node's STUN server, in a namespace. `node stun.ts <host>`
import { createStunServer } from '../src/index.ts'

const [host = '0.0.0.0'] = process.argv.slice(2)
await createStunServer({ host, port: 3478 })
process.send?.({ ready: true })
