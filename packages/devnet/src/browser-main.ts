/**
 * `node browser-main.ts '{"url", "socks"?}'`: downloads a page, through a SOCKS5 proxy or straight on, and tells its starter
 * over IPC how far it is: `{bytes}` every quarter of a second, `{done}` or `{failed}` at the end.
 *
 * @module
 */

import { request } from 'node:http'
import type { Socket } from 'node:net'
import { SocksClient } from 'socks'

interface Visit {
  readonly url: string
  readonly socks?: { readonly host: string; readonly port: number }
}

const visit = JSON.parse(process.argv[2] ?? '{}') as Visit
const { hostname, port, pathname } = new URL(visit.url)
/** No byte for this long: the tunnel is dead. */
const silenceMs = 20_000
let bytes = 0

process.on('disconnect', () => process.exit(1))
process.stdout.write('{}\n')
const progress = setInterval(() => process.send?.({ bytes }), 250)

try {
  await download(visit.socks === undefined ? undefined : await throughProxy(visit.socks))
  process.send?.({ bytes, done: true })
} catch (cause) {
  process.send?.({ bytes, failed: (cause as Error).message })
}
clearInterval(progress)
process.disconnect?.()

async function throughProxy({ host, port: proxyPort }: NonNullable<Visit['socks']>): Promise<Socket> {
  const destination = { host: hostname, port: Number(port) }
  const { socket } = await SocksClient.createConnection({
    proxy: { host, port: proxyPort, type: 5 },
    command: 'connect',
    destination,
  })
  return socket
}

function download(socket: Socket | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: hostname, port, path: pathname, ...(socket && { createConnection: () => socket }) })
    asked.setTimeout(silenceMs, () => asked.destroy(new Error('silence')))
    asked.once('error', reject)
    asked.once('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.once('error', reject)
      response.once('end', () => {
        socket?.destroy()
        resolve()
      })
    })
    asked.end()
  })
}
