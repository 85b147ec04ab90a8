/**
 * Token buckets, one a key, in bounded memory: so many at once, and so many an hour.
 *
 * @module
 */

export interface BucketOptions {
  readonly burst: number
  readonly perHour: number
}

export interface Buckets {
  /** Takes so many, one by default, or says that there are not enough left. */
  take(key: string, nowMs: number, amount?: number): boolean
  size(): number
}

/** A full bucket says nothing and is forgotten; more keys than this at once push out who was quiet the longest. */
const maxKeys = 10_000
const hourMs = 3_600_000

export function createBuckets({ burst, perHour }: BucketOptions): Buckets {
  /** Least recently used first. */
  const levels = new Map<string, { readonly level: number; readonly atMs: number }>()
  const levelOf = (key: string, nowMs: number): number => {
    const known = levels.get(key)
    if (known === undefined) return burst
    // A clock set back fills nothing.
    return Math.min(burst, known.level + (Math.max(0, nowMs - known.atMs) * perHour) / hourMs)
  }
  return {
    take(key, nowMs, amount = 1) {
      const level = levelOf(key, nowMs)
      const has = level >= amount
      levels.delete(key)
      levels.set(key, { level: has ? level - amount : level, atMs: nowMs })
      for (const oldest of levels.keys()) {
        if (levels.size <= maxKeys && levelOf(oldest, nowMs) < burst) break
        levels.delete(oldest)
      }
      return has
    },
    size: () => levels.size,
  }
}

/** Who counts as one address: an IPv4 address, and of IPv6 the /64 that a household has. */
export function addressBlock(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1]
  if (mapped !== undefined || !ip.includes(':')) return mapped ?? ip
  const [head = '', tail] = ip.toLowerCase().split('%')[0]?.split('::') ?? []
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : new Array(Math.max(0, 8 - groups.length - after.length)).fill('0')
  const all = [...groups, ...zeros, ...after].map((group) => Number.parseInt(group, 16).toString(16))
  return `${all.slice(0, 4).join(':')}::/64`
}
