/**
 * The world of the tests: Bob behind a router with a printer on his LAN, consumers behind another, a website, a relay.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createLab, type Host, type NatKind } from '@myst/netlab'
import type { BrowserProgram } from './browser.ts'
import type { ConsumerProgram } from './consumer.ts'
import type { ProviderProgram } from './provider.ts'
import { call, type Methods } from './rpc.ts'

const relayAddress = '198.18.0.40'
const stunHosts = [relayAddress, '203.0.113.40']

export interface WorldOptions {
  readonly bobNat?: NatKind
  readonly aliceNat?: NatKind
}

export async function createWorld({ bobNat = 'cone', aliceNat = 'cone' }: WorldOptions = {}) {
  const lab = await createLab({ name: 'wireguard' })
  const [website, relay, stun, bobHome, aliceHome] = await Promise.all([
    lab.host('website', { address: '198.18.0.80' }),
    lab.host('relay', { address: relayAddress }),
    lab.host('stun', { address: '203.0.113.40' }),
    lab.router('bob home', { kind: bobNat, address: '203.0.113.7', lan: '192.168.7' }),
    lab.router('alice home', { kind: aliceNat, address: '203.0.113.8', lan: '192.168.8' }),
  ])
  const [bob, printer, alice, dave] = await Promise.all([
    bobHome.host('bob'),
    bobHome.host('printer'),
    aliceHome.host('alice'),
    aliceHome.host('dave'),
  ])
  const start = async (host: Host, program: string, ...args: string[]) => {
    const child = host.node(join(import.meta.dirname, `${program}.ts`), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    await once(child, 'message', { signal: AbortSignal.timeout(10_000) })
    return child
  }
  const program = async <M extends Methods>(host: Host, name: string, ...args: string[]) => {
    const child = await start(host, name, ...args)
    return { child, ...lift(call<M>(child)) }
  }
  await Promise.all([
    start(website, 'website', website.address),
    start(printer, 'website', printer.address),
    start(relay, 'relay', relayAddress),
    ...[relay, stun].map((host) => start(host, 'stun', host.address)),
  ])
  return {
    lab,
    website,
    relay,
    bobHome,
    aliceHome,
    bob,
    printer,
    alice,
    dave,
    /** The programs by themselves: their own `prepare`, `open` … */
    provider: () => program<ProviderProgram>(bob, 'provider', relayAddress, ...stunHosts),
    consumer: (host: Host) => program<ConsumerProgram>(host, 'consumer', relayAddress, ...stunHosts),
    browser: (host: Host) => program<BrowserProgram>(host, 'browser'),
  }
}

export type World = Awaited<ReturnType<typeof createWorld>>

/** Hands the punch messages of each to the other, as their link does. */
export function joinSignals(a: ChildProcess, b: ChildProcess): void {
  a.on('message', ({ signal }: { readonly signal?: Uint8Array }) => signal && b.send({ signal }))
  b.on('message', ({ signal }: { readonly signal?: Uint8Array }) => signal && a.send({ signal }))
}

/** Under one name, so that `child` cannot hide a method. */
const lift = <T>(remote: T) => ({ remote })
