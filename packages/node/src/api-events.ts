/**
 * The event stream: the whole status at first and after every change. A slow reader gets fewer of them, never old ones.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import { encodeEvent } from '@myst/api'
import { Fault } from '@myst/protocol'

export interface EventDeps {
  /** The status as JSON. */
  readonly read: () => Promise<unknown>
  /** Calls the listener after every change; returns how to stop. */
  readonly onChange: (listener: () => void) => () => void
  readonly log: (line: string) => void
}

export interface EventStreams {
  /** Takes the response over. @throws Fault `events-full`. */
  add(response: ServerResponse): void
  close(): void
}

/** A dashboard and a few terminals; each costs a reading of the status at every change. */
const maxStreams = 16
/** Many changes at once are one event. */
const pauseMs = 100
/** Counters run without telling anybody. */
const refreshMs = 1_000

export function createEventStreams({ read, onChange, log }: EventDeps): EventStreams {
  const open = new Set<() => void>()

  function add(response: ServerResponse): void {
    if (open.size >= maxStreams) throw new Fault('events-full', { maxStreams })
    let id = 0
    let last = ''
    /** The last one that was logged: one that lasts is said once. */
    let failure = ''
    let reading = false
    let wanted = false
    let ended = false
    const refreshing = setInterval(wake, refreshMs)
    const forget = onChange(wake)

    function end(): void {
      if (ended) return
      ended = true
      clearInterval(refreshing)
      forget()
      open.delete(end)
      response.end()
    }

    /** One reading at a time; what changes meanwhile is read after it, and only when the reader has taken the last. */
    function wake(): void {
      wanted = true
      if (reading || ended || response.writableNeedDrain) return
      reading = true
      void show().finally(() => {
        reading = false
        if (wanted && !ended) wake()
      })
    }

    async function show(): Promise<void> {
      wanted = false
      try {
        const status = await read()
        const text = JSON.stringify(status)
        if (text !== last && !ended) response.write(encodeEvent(++id, status))
        last = text
      } catch (fault) {
        const { message } = fault as Error
        if (message !== failure) log(`events: ${message}`)
        failure = message
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }

    open.add(end)
    response.on('drain', wake)
    response.on('close', end)
    response.on('error', end)
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
    wake()
  }

  return {
    add,
    close() {
      for (const end of [...open]) end()
    },
  }
}
