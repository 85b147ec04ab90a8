// A full node's STUN server. `node stun.ts <host>`
import { createStunServer } from '@myst/nat'

await createStunServer({ host: process.argv[2] ?? '0.0.0.0', port: 3478 })
process.send?.({ ready: true })
