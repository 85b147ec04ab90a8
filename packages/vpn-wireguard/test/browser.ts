// A person's program beside the tunnel: fetches pages.
import { get } from 'node:http'
import { serve } from './rpc.ts'

const methods = {
  /** The status line's code, the body's length, its beginning, and the time it took. */
  get(url: string, timeoutMs = 1_000) {
    const startedMs = performance.now()
    return new Promise<{ status: number; bytes: number; text: string; ms: number }>((resolve, reject) => {
      const request = get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
        let bytes = 0
        let text = ''
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (text.length < 200) text += part.toString('latin1').slice(0, 200)
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, bytes, text, ms: performance.now() - startedMs }),
        )
      })
      request.on('error', reject)
    })
  },
}
export type BrowserProgram = typeof methods
serve(methods)
