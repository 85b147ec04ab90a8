/**
 * Memory of all processes together, as the proportional set size (PSS): what is shared counts once.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'

export interface MemoryWatch {
  /** The greatest sum seen, MiB; 0 where the system doesn't tell (not Linux). */
  readonly peakMiB: number
  close(): void
}

/** A shorter peak goes unseen; each look reads two files of every process. */
const everyMs = 500

export function watchMemory(pids: () => readonly number[]): MemoryWatch {
  let peakKiB = 0
  const look = async () => {
    const processes = await Promise.all([process.pid, ...pids()].map(withChildren))
    const sizes = await Promise.all([...new Set(processes.flat())].map(pssKiB))
    peakKiB = Math.max(
      peakKiB,
      sizes.reduce((sum, size) => sum + size, 0),
    )
  }
  const timer = setInterval(() => void look(), everyMs)
  return {
    get peakMiB() {
      return Math.round(peakKiB / 1024)
    },
    close: () => clearInterval(timer),
  }
}

async function pssKiB(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0)
}

/** A process and all that it started: a node's `wireguard-go` counts too. */
async function withChildren(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const below = children.split(' ').filter((child) => child.trim() !== '')
  return [pid, ...(await Promise.all(below.map(Number).map(withChildren))).flat()]
}
