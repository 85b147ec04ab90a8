/**
 * What a killed process left behind, found by the names in it (`owner.ts`) and removed. What living ones made stays.
 *
 * It sees the network namespace that it runs in; wireguard's control sockets it sees for the whole machine.
 *
 * @module
 */

import { readdir, rm } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { applyNft, runCommand, undoIp } from '@myst/vpn'
import { restoreFrom } from './forwarding.ts'
import { isLeftover, isLeftoverRouteTable } from './owner.ts'
import { undoRoutes } from './routes.ts'
import { uapiFolder, uapiPath } from './uapi.ts'

/** Returns the names of what it removed: interfaces, firewall tables, route tables. */
export async function removeLeftovers(): Promise<string[]> {
  const removed = await Promise.all([removeTables(), removeRoutes(), removeInterfaces(), removeSockets()])
  return [...new Set(removed.flat())]
}

async function removeTables(): Promise<string[]> {
  const text = await runCommand('nft', ['list', 'tables'])
  const names = text.split('\n').map((line) => line.replace('table inet ', ''))
  const left = await leftoversOf(names)
  for (const name of left) {
    await restoreFrom(await runCommand('nft', ['list', 'table', 'inet', name]))
    await applyNft(`delete table inet ${name}\n`)
  }
  return left
}

async function removeRoutes(): Promise<string[]> {
  const rules = await Promise.all(
    ['-4', '-6'].map((family) => runCommand('ip', [family, 'rule', 'list']).catch(() => '')),
  )
  const left = new Set<number>()
  for (const [, table] of rules.join('\n').matchAll(/lookup (\d+)/g))
    if (await isLeftoverRouteTable(Number(table))) left.add(Number(table))
  for (const table of left) await undoRoutes(table)
  return [...left].map((table) => `route-table-${table}`)
}

async function removeInterfaces(): Promise<string[]> {
  const left = await leftoversOf(Object.keys(networkInterfaces()))
  await undoIp(left.map((name) => `link del ${name}`))
  return left
}

async function removeSockets(): Promise<string[]> {
  const files = await readdir(uapiFolder).catch(() => [])
  const left = await leftoversOf(files.map((file) => file.replace(/\.sock$/, '')))
  await Promise.all(left.map((name) => rm(uapiPath(name), { force: true })))
  return left
}

async function leftoversOf(names: readonly string[]): Promise<string[]> {
  const left: string[] = []
  for (const name of names) if (await isLeftover(name)) left.push(name)
  return left
}
