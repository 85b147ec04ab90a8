// One side of a punch, in a namespace; the test carries its messages. `node puncher.ts <role> <server host>…`
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { punch, type Role } from '../src/index.ts'

const [role = 'initiator', ...hosts] = process.argv.slice(2)
const inbox: Uint8Array[] = []
let wake: () => void = () => {}
const channel = {
  send: (bytes: Uint8Array) => void process.send?.({ signal: bytes }),
  async *receive() {
    for (;;) {
      const next = inbox.shift()
      if (next) yield next
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  },
}

interface Order {
  readonly start?: { readonly timeoutMs: number; readonly secret: string; readonly refuse?: boolean }
  readonly signal?: Uint8Array
  /** Binds the won port again and greets the other side: what a tunnel driver will do. */
  readonly greet?: { readonly localPort: number; readonly host: string; readonly port: number }
}

process.on('message', async ({ start, signal, greet }: Order) => {
  if (signal) {
    inbox.push(signal)
    wake()
  }
  if (start) {
    const startedMs = performance.now()
    const result = await punch(
      { channel, mayDial: () => !start.refuse },
      {
        secret: Buffer.from(start.secret),
        role: role as Role,
        servers: hosts.map((host) => ({ host, port: 3478 })),
        timeoutMs: start.timeoutMs,
      },
    )
    process.send?.({ result, ms: performance.now() - startedMs })
  }
  if (greet) {
    const socket = createSocket('udp4')
    socket.bind(greet.localPort)
    await once(socket, 'listening')
    const timer = setInterval(() => socket.send('hello', greet.port, greet.host), 50)
    const [bytes] = await once(socket, 'message')
    setTimeout(() => clearInterval(timer), 200)
    process.send?.({ greeted: bytes.toString() })
  }
})
process.send?.({ ready: true })
