/**
 * The devnet's own website: what consumers download, and who it sees.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** A client address gets this much in all, however many connections it opens. */
const bytesPerSecond = (40 * 1_000_000) / 8
const chunk = Buffer.alloc(16 * 1024, 'm')
/** At most this much at once: a client that was idle doesn't burst. */
const burstBytes = bytesPerSecond / 10

export interface Website {
  readonly url: string
  /** Bytes served to each client address. */
  readonly visitors: ReadonlyMap<string, number>
  close(): Promise<void>
}

/** `GET /bytes/N` answers with N bytes at 40 Mbit/s per client address; `GET /` with the address that it sees. */
export async function startWebsite(host: string, port: number): Promise<Website> {
  const visitors = new Map<string, number>()
  const allowances = new Map<string, Allowance>()
  const server: Server = createServer((request, response) => {
    const visitor = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    const wanted = Number(/^\/bytes\/(\d{1,12})$/.exec(request.url ?? '')?.[1] ?? Number.NaN)
    if (Number.isNaN(wanted)) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ you: visitor }))
      return
    }
    response.setHeader('content-length', wanted)
    const allowance = allowances.get(visitor) ?? createAllowance()
    allowances.set(visitor, allowance)
    // A visitor that goes away in the middle is no fault of ours.
    pipeline(Readable.from(serve(visitor, allowance, wanted)), response).catch(() => {})
  })

  async function* serve(visitor: string, allowance: Allowance, wanted: number): AsyncGenerator<Buffer> {
    for (let left = wanted; left > 0; left -= chunk.length) {
      const bytes = Math.min(left, chunk.length)
      await allowance.take(bytes)
      visitors.set(visitor, (visitors.get(visitor) ?? 0) + bytes)
      yield chunk.subarray(0, bytes)
    }
  }

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  return {
    url: `http://${host}:${port}`,
    visitors,
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

interface Allowance {
  take(bytes: number): Promise<void>
}

/** A bucket that fills at the rate and is emptied in turn. */
function createAllowance(): Allowance {
  let freeAtMs = performance.now()
  return {
    async take(bytes) {
      const nowMs = performance.now()
      freeAtMs = Math.max(freeAtMs, nowMs - (1000 * burstBytes) / bytesPerSecond) + (1000 * bytes) / bytesPerSecond
      if (freeAtMs > nowMs) await new Promise((resolve) => setTimeout(resolve, freeAtMs - nowMs))
    },
  }
}
