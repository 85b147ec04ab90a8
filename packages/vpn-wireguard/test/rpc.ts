/**
 * Calls between a test and the programs that it starts in namespaces, over Node's IPC channel.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process'

export type Methods = Record<string, (...args: never[]) => unknown>

type Remote<M extends Methods> = {
  [K in keyof M]: (...args: Parameters<M[K]>) => Promise<Awaited<ReturnType<M[K]>>>
}

interface Call {
  readonly call: number
  readonly method: string
  readonly args: readonly unknown[]
}

interface Answer {
  readonly answer: number
  readonly result?: unknown
  readonly failure?: string
}

/** In the program: answers calls with `methods`. BigInts travel, since both ends use `serialization: 'advanced'`. */
export function serve(methods: Methods): void {
  process.on('message', async ({ call, method, args }: Call) => {
    if (call === undefined) return
    try {
      const run = methods[method] as ((...args: unknown[]) => unknown) | undefined
      if (run === undefined) throw new Error(`no method ${method}`)
      process.send?.({ answer: call, result: await run(...args) } satisfies Answer)
    } catch (error) {
      process.send?.({ answer: call, failure: error instanceof Error ? error.message : String(error) } satisfies Answer)
    }
  })
  process.send?.({ ready: true })
}

/** In the test: what the program at the other end serves. */
export function call<M extends Methods>(child: ChildProcess): Remote<M> {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let calls = 0
  child.on('message', ({ answer, result, failure }: Answer) => {
    if (failure === undefined) waiting.get(answer)?.resolve(result)
    else waiting.get(answer)?.reject(new Error(failure))
    waiting.delete(answer)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`program ended: ${code ?? signal}`))
  })
  return new Proxy({} as Remote<M>, {
    get: (_, method) => {
      if (typeof method !== 'string' || method === 'then') return undefined
      return (...args: unknown[]) => {
        const pending = Promise.withResolvers<unknown>()
        waiting.set(++calls, pending)
        child.send({ call: calls, method, args } satisfies Call)
        return pending.promise
      }
    },
  })
}
