/**
 * Names that tell whose they are: interfaces, nftables tables and routing tables carry the process that made them, so
 * that the next start finds what a killed one left, and touches nothing else.
 *
 * An interface name has at most 15 letters: `myst`, role, process id (5, base 36), its start time (3), a number (2).
 * It is unique on the machine, since wireguard's control sockets share one folder over all network namespaces.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'

export type Role = 'p' | 'c'

const pattern = /^myst[pc]([0-9a-z]{5})([0-9a-z]{3})[0-9a-z]{2}$/
/** 36³; start times of two processes with the same id agree by chance once in so many. */
const startModulus = 46_656
const seqModulus = 1_296

let seq = 0

export async function nameInterface(role: Role): Promise<string> {
  const start = (await startTicks(process.pid)) ?? 0
  return `myst${role}${base36(process.pid, 5)}${base36(start % startModulus, 3)}${base36(seq++ % seqModulus, 2)}`
}

/** False for names that are not ours, and while their owner lives. */
export async function isLeftover(name: string): Promise<boolean> {
  const [, pid, start] = pattern.exec(name) ?? []
  if (pid === undefined || start === undefined) return false
  const ticks = await startTicks(Number.parseInt(pid, 36))
  return ticks === undefined || base36(ticks % startModulus, 3) !== start
}

/** Routing tables 0x6d000000 … 0x6dffffff are ours: 22 bits of process id (the kernel's own bound), 2 of a number. */
const routeTableBase = 0x6d000000
let tableSeq = 0

export const nameRouteTable = (): number => routeTableBase + process.pid * 4 + (tableSeq++ % 4)

export async function isLeftoverRouteTable(table: number): Promise<boolean> {
  const own = table - routeTableBase
  return own >= 0 && own < 1 << 24 && (await startTicks(own >> 2)) === undefined
}

const base36 = (value: number, digits: number): string => value.toString(36).padStart(digits, '0')

/** When a process started, in clock ticks since boot; undefined where there is none. */
async function startTicks(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // proc(5): the 2nd field is the name in brackets and may hold blanks; starttime is the 22nd, so the 20th after it.
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
}
