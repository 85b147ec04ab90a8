/**
 * Requests of a link: one question, one answer, in both directions.
 *
 * Both ends count what is open. An asker refuses to have more than `maxOpenRequests`; an answerer says `link-busy`
 * beyond it and ends the link with somebody who goes on asking without reading the answers.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import { type Frame, isName, maxBodyBytes } from './frame.ts'
import type { RequestHandler, RequestOptions } from './link.ts'
import type { Timers } from './timers.ts'

/** Ten times what a busy exit asks at once; 1,024 bodies of 64 KiB are 64 MiB at worst. */
export const maxOpenRequests = 1024
/** Who has not answered by then is not waited for: its place is free, and an answer that comes later is dropped. */
export const requestTimeoutMs = 10_000

type Send = (frame: Frame) => void

export interface Asker {
  ask(protocol: string, body: Uint8Array, options?: RequestOptions): Promise<Uint8Array>
  /** Takes an answer. Late ones are dropped. @throws Fault `frame-invalid` for one to a question never asked. */
  take(frame: Extract<Frame, { kind: 'answer' | 'fault' }>): void
  end(reason: string): void
  readonly open: number
}

export function createAsker(send: Send, timers: Timers): Asker {
  const open = new Map<number, { resolve(body: Uint8Array): void; reject(error: unknown): void }>()
  let nextId = 1
  let wrapped = false
  let ended: string | undefined

  function ask(protocol: string, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    if (ended !== undefined) throw new Fault('link-closed', { reason: ended })
    checkMessage(protocol, body)
    options.signal?.throwIfAborted()
    if (open.size >= maxOpenRequests) throw new Fault('link-busy', { protocol, open: open.size })
    const id = nextId
    nextId++
    if (nextId > 0xffff_ffff) {
      nextId = 1
      wrapped = true
    }
    const timeoutMs = options.timeoutMs ?? requestTimeoutMs
    return new Promise((resolve, reject) => {
      const settled = (): void => {
        open.delete(id)
        stopTimer()
        options.signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: unknown): void => {
        settled()
        reject(error)
      }
      const onAbort = (): void => fail(options.signal?.reason)
      const stopTimer = timers.after(timeoutMs, () => fail(new Fault('request-timeout', { protocol, timeoutMs })))
      options.signal?.addEventListener('abort', onAbort, { once: true })
      open.set(id, {
        resolve(answer) {
          settled()
          resolve(answer)
        },
        reject: (error) => fail(error instanceof Fault ? new Fault(error.code, { protocol, ...error.facts }) : error),
      })
      send({ kind: 'request', id, protocol, body })
    })
  }

  return {
    async ask(protocol, body, options = {}) {
      return ask(protocol, body, options)
    },
    take(frame) {
      if (frame.id === 0 || (frame.id >= nextId && !wrapped))
        throw new Fault('frame-invalid', { what: 'answer to no request' })
      const asked = open.get(frame.id)
      if (frame.kind === 'answer') asked?.resolve(frame.body)
      else asked?.reject(new Fault(frame.code, { from: 'peer' }))
    },
    end(reason) {
      ended ??= reason
      for (const asked of [...open.values()]) asked.reject(new Fault('link-closed', { reason }))
    },
    get open() {
      return open.size
    },
  }
}

export function checkMessage(protocol: string, body: Uint8Array, maxBytes = maxBodyBytes): void {
  if (!isName(protocol)) throw new Fault('protocol-invalid', { protocol })
  if (body.length > maxBytes) throw new Fault('message-too-large', { protocol, bytes: body.length, maxBytes })
}

export interface AnswererDeps {
  readonly send: Send
  /** True while so much waits to be sent that taking on more work would only grow it. */
  readonly congested: () => boolean
  /** A handler threw something that is no Fault: a bug of ours, not to be told to the peer. */
  readonly onBug: (error: unknown, protocol: string) => void
}

export interface Answerer {
  handle(protocol: string, handler: RequestHandler): void
  take(frame: Extract<Frame, { kind: 'request' }>): void
  end(): void
  readonly open: number
}

export function createAnswerer({ send, congested, onBug }: AnswererDeps): Answerer {
  const handlers = new Map<string, RequestHandler>()
  let open = 0
  let ended = false

  async function answer(frame: Extract<Frame, { kind: 'request' }>): Promise<Frame> {
    const { id, protocol, body } = frame
    const handler = handlers.get(protocol)
    if (handler === undefined) return { kind: 'fault', id, code: 'protocol-unknown' }
    if (open > maxOpenRequests || congested()) return { kind: 'fault', id, code: 'link-busy' }
    try {
      const answered = await handler(body)
      if (!(answered instanceof Uint8Array) || answered.length > maxBodyBytes) {
        onBug(new Fault('answer-invalid', { protocol, bytes: answered?.length }), protocol)
        return { kind: 'fault', id, code: 'internal' }
      }
      return { kind: 'answer', id, body: answered }
    } catch (error) {
      if (error instanceof Fault && isName(error.code)) return { kind: 'fault', id, code: error.code }
      onBug(error, protocol)
      return { kind: 'fault', id, code: 'internal' }
    }
  }

  return {
    handle(protocol, handler) {
      handlers.set(protocol, handler)
    },
    take(frame) {
      open++
      void answer(frame).then((answered) => {
        open--
        if (!ended) send(answered)
      })
    },
    end() {
      ended = true
      handlers.clear()
    },
    get open() {
      return open
    },
  }
}
