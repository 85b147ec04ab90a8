/**
 * A route: method, path, the shapes it takes and gives, and the types that follow from them.
 *
 * @module
 */

import type { Static, TObject, TSchema } from 'typebox'

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Parameters are named with a colon: `/v1/connections/:id`. */
  readonly path: string
  readonly summary: string
  readonly params?: TObject
  readonly query?: TObject
  readonly body?: TObject
  /** Of the answer, or of each event where `stream` is set. */
  readonly response: TSchema
  /** Server-sent events in place of one answer. */
  readonly stream?: true
  /** Asked without a token: it tells nothing but that somebody is there. */
  readonly open?: true
  /** How long a client waits for the answer. */
  readonly timeoutMs: number
}

/** What names a write that may be asked for again; a UUID has 36 characters. */
export const idempotencyKeyPattern = /^[\x21-\x7e]{1,128}$/

type Part<R, K extends string> = R extends { readonly [P in K]: infer S extends TSchema } ? Static<S> : unknown

/** Path, query and body in one object: no route uses a name twice. */
export type InputOf<R> = Part<R, 'params'> & Part<R, 'query'> & Part<R, 'body'>
export type OutputOf<R> = R extends { readonly response: infer S extends TSchema } ? Static<S> : never
