/**
 * Places: where the devnet's hosts are. As root, network namespaces behind NAT routers; else each host has a loopback
 * address of its own.
 *
 * @module
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { canMakeNamespaces, cleanupStale, createLab } from '@myst/netlab'

export interface Place {
  /** The address by which others reach it, or, behind a router, by which it is seen. */
  readonly address: string
  /** Its own address, where a program must be told to use it; undefined where the system chooses right. */
  readonly bind?: string
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess
}

export interface Places {
  readonly kind: 'namespaces' | 'loopback'
  /** Chain, accountant, transactor. */
  readonly services: Place
  readonly fullNodes: Place
  readonly fullNodeAddresses: readonly string[]
  readonly website: Place
  /** Bob, Dan, Alice, Erin. */
  readonly homes: Readonly<Record<HomeName, Place>>
  /** Why there are no namespaces. */
  readonly why?: string
  close(): Promise<void>
}

export const homeNames = ['bob', 'dan', 'alice', 'erin'] as const
export type HomeName = (typeof homeNames)[number]

const fullNodeCount = 5

export async function makePlaces(wanted: 'namespaces' | 'loopback' | 'best'): Promise<Places> {
  if (wanted === 'loopback') return loopbackPlaces('asked for loopback')
  const possible = await canMakeNamespaces()
  return possible.ok ? namespacePlaces() : loopbackPlaces(possible.why)
}

async function namespacePlaces(): Promise<Places> {
  await cleanupStale()
  const lab = await createLab({ name: 'devnet' })
  try {
    const fullNodeAddresses = Array.from({ length: fullNodeCount }, (_, index) => `198.18.2.${index + 1}`)
    const [first = '', ...more] = fullNodeAddresses
    const services = await lab.host('services', { address: '198.18.1.1' })
    const fullNodes = await lab.host('fullnodes', { address: first })
    for (const address of more) {
      // A rented server with several addresses: routed to it, and its own.
      await lab.internet.exec('ip', ['route', 'add', `${address}/32`, 'via', first])
      await fullNodes.exec('ip', ['address', 'add', `${address}/32`, 'dev', 'eth0'])
    }
    const website = await lab.host('website', { address: '203.0.113.80' })
    const homes = {} as Record<HomeName, Place>
    for (const [index, name] of homeNames.entries()) {
      // A /24 of its own each, as homes have: limits count by prefix.
      const address = `198.18.${10 + index}.1`
      const router = await lab.router(`${name}router`, { kind: 'cone', address })
      const host = await router.host(name)
      homes[name] = { address, spawn: (command, args, options) => host.spawn(command, args, options) }
    }
    const asPlace = ({ address, spawn: start }: typeof services): Place => ({ address, spawn: start })
    return {
      kind: 'namespaces',
      services: asPlace(services),
      fullNodes: asPlace(fullNodes),
      fullNodeAddresses,
      website: asPlace(website),
      homes,
      close: lab.close,
    }
  } catch (cause) {
    await lab.close()
    throw cause
  }
}

function loopbackPlaces(why: string): Places {
  // A 127.x.0.0/16 of its own, so that two devnets on one machine don't meet.
  const net = `127.${1 + (process.pid % 254)}`
  const at = (address: string): Place => ({
    address,
    bind: address,
    spawn: spawnHere,
  })
  const homes = homeNames.map((name, index) => [name, at(`${net}.${10 + index}.1`)] as const)
  return {
    kind: 'loopback',
    services: at(`${net}.1.1`),
    fullNodes: at(`${net}.2.1`),
    fullNodeAddresses: Array.from({ length: fullNodeCount }, (_, index) => `${net}.2.${index + 1}`),
    website: at(`${net}.9.1`),
    homes: Object.fromEntries(homes) as Record<HomeName, Place>,
    why,
    async close() {},
  }
}

/** Where there is setpriv, a program dies with its starter, however that ended. */
const setpriv = '/usr/bin/setpriv'
const spawnHere: Place['spawn'] = (command, args, options) =>
  existsSync(setpriv)
    ? spawn(setpriv, ['--pdeathsig', 'KILL', command, ...args], options)
    : spawn(command, [...args], options)
