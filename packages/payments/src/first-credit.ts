/**
 * First credit: who is served before the first payment, so that a crowd of fresh identities can't live on it.
 *
 * Two buckets: so many first credits an hour for one address prefix, and so much never-paid credit a day in all. With a
 * bucket empty a consumer is served all the same, after its first promise was credited.
 *
 * @module
 */

export interface FirstCreditLimits {
  readonly perPrefixPerHour: number
  /** Base units a day over all never-paying consumers. */
  readonly perDay: bigint
}

export interface FirstCreditState {
  readonly grants: readonly { readonly prefix: string; readonly atMs: number; readonly amount: bigint }[]
}

export const noGrants: FirstCreditState = { grants: [] }

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** @returns the state after the grant, or undefined where a bucket is empty. */
export function grantFirstCredit(
  state: FirstCreditState,
  request: { readonly prefix: string; readonly amount: bigint; readonly nowMs: number },
  limits: FirstCreditLimits,
): FirstCreditState | undefined {
  const { prefix, amount, nowMs } = request
  const today = state.grants.filter(({ atMs }) => nowMs - atMs < dayMs)
  const near = today.filter((grant) => grant.prefix === prefix && nowMs - grant.atMs < hourMs)
  const sum = today.reduce((total, grant) => total + grant.amount, amount)
  if (near.length >= limits.perPrefixPerHour || sum > limits.perDay) return undefined
  return { grants: [...today, { prefix, atMs: nowMs, amount }] }
}

/** It paid: its grant no longer counts against the day. */
export function returnFirstCredit(state: FirstCreditState, prefix: string): FirstCreditState {
  const at = state.grants.findLastIndex((grant) => grant.prefix === prefix && grant.amount > 0n)
  if (at < 0) return state
  return { grants: state.grants.map((grant, index) => (index === at ? { ...grant, amount: 0n } : grant)) }
}

/** /24 of an IPv4 address, /48 of an IPv6 one. */
export function addressPrefix(host: string): string {
  // A socket for both families shows IPv4 addresses mapped into IPv6.
  const bare = host.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!bare.includes(':')) return bare.split('.').slice(0, 3).join('.')
  const [head = '', tail] = host.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const whole = [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail?.split(':') ?? [])]
  return whole
    .slice(0, 3)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':')
}
