/**
 * The three kinds of failure.
 *
 * Refusal: the other side broke a rule; a returned value with a stable code. Fault: the world failed; thrown, with
 * facts and the cause kept. Bug: we failed; `assert` stops the component before money moves.
 *
 * @module
 */

/** What every refusal has; each module narrows `code` to its own list, in the order of its checks. */
export interface Refusal {
  readonly code: string
}

export type Verdict<R extends Refusal = Refusal, T = void> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: R }

export const accept = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value })
export const refuse = <R extends Refusal>(refusal: R): { readonly ok: false; readonly refusal: R } => ({
  ok: false,
  refusal,
})

type Fact = string | number | bigint | boolean | undefined

/** @example throw new Fault('chain-unreachable', { rpcUrl, attempts }, { cause }) */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: string
  readonly facts: Readonly<Record<string, Fact>>

  constructor(code: string, facts: Readonly<Record<string, Fact>> = {}, options?: ErrorOptions) {
    const known = Object.entries(facts).filter(([, value]) => value !== undefined)
    super([code, ...known.map(([name, value]) => `${name}=${value}`)].join(' '), options)
    this.code = code
    this.facts = Object.fromEntries(known)
  }
}

export function assert(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new Error(`bug: ${rule}`)
}
