/**
 * A punch whose messages go through the test, as they would through the link.
 *
 * @module
 */

import { type PunchResult, punch, type Role } from '@myst/nat'

export function createPuncher(role: Role, servers: readonly string[]): () => Promise<PunchResult> {
  const inbox: Uint8Array[] = []
  let wake = () => {}
  process.on('message', ({ signal }: { readonly signal?: Uint8Array }) => {
    if (signal === undefined) return
    inbox.push(signal)
    wake()
  })
  const channel = {
    send: (signal: Uint8Array) => void process.send?.({ signal }),
    async *receive() {
      for (;;) {
        const next = inbox.shift()
        if (next !== undefined) yield next
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    },
  }
  return () =>
    punch(
      { channel, mayDial: (host) => host.startsWith('203.0.113.') },
      { role, secret: Buffer.alloc(32, 7), servers: servers.map((host) => ({ host, port: 3478 })) },
    )
}
