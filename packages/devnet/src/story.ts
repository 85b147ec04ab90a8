/**
 * The story: Alice tops up, connects to Bob, downloads and pays; Erin does the same with Dan and Bob at once; Bob settles;
 * the accountant collects; the books balance.
 *
 * @module
 */

import { fileURLToPath } from 'node:url'
import { type Crypto, Fault, formatMyst, myst } from '@myst/protocol'
import { type Books, readBooks, type TopUps } from './books.ts'
import type { Devnet, Person } from './network.ts'
import type { HomeName } from './place.ts'

export interface Story {
  /** Downloaded in all. */
  readonly bytes: number
  readonly drivers: readonly string[]
  readonly skipped: readonly { readonly part: string; readonly why: string }[]
  readonly books: Books
  /** What should be true and is not. */
  readonly failures: readonly string[]
}

export interface Download {
  readonly who: HomeName
  readonly connectionId: string
  readonly bytes: number
  /** How the tunnel's packets travelled in the end. */
  readonly path: 'link' | 'direct'
}

const topUp = 20n * myst
/** The story's downloads: Bob's address is served 40 Mbit/s, shared by Alice and Erin. */
export const sizes = { alice: 60_000_000, erinByBob: 10_000_000, erinByDan: 20_000_000 } as const
const browserScript = fileURLToPath(new URL('browser-main.ts', import.meta.url))

/** Providers offer what they can; both consumers pay in and register. @returns what they paid in. */
export async function openForBusiness(devnet: Devnet, say: (line: string) => void): Promise<TopUps> {
  const { bob, dan, alice, erin } = devnet.people
  const tunnel = alicesDriver(devnet)
  await Promise.all([
    ...(tunnel === 'wireguard' ? [bob.api.serve({ serviceType: 'wireguard', country: 'NL' })] : []),
    bob.api.serve({ serviceType: 'proxy', country: 'NL' }),
    dan.api.serve({ serviceType: 'proxy', country: 'DE' }),
  ])
  say('Bob offers an exit in the Netherlands, Dan one in Germany; their signed proposals are with the full nodes.')
  await Promise.all([alice, erin].map((person) => payIn(devnet, person, say)))
  return { alice: topUp, erin: topUp }
}

async function payIn(devnet: Devnet, { name, api }: Person, say: (line: string) => void): Promise<void> {
  const { channel } = await api.topUp()
  const code = await devnet.chain.rpc.getCode({ address: channel })
  if (code !== undefined) throw new Fault('channel-already-there', { channel })
  await devnet.contracts.faucet(channel, topUp)
  say(`${called(name)} pays ${formatMyst(topUp)} MYST to ${channel}, where there is no contract yet.`)
  const { transactorFee, registrationFee } = await api.register()
  const [fee, took] = [registrationFee, transactorFee].map((amount) => formatMyst(BigInt(amount)))
  say(`${called(name)} is registered: ${fee} MYST for the registry, ${took} for the transactor, out of the channel.`)
}

export const alicesDriver = ({ places }: Devnet) => (places.kind === 'namespaces' ? 'wireguard' : 'proxy')

/** Connects a person and downloads; the connection stays open. */
export async function browse(
  devnet: Devnet,
  person: Person,
  wish: { readonly serviceType: string; readonly provider: Person; readonly bytes: number },
  say: (line: string) => void,
): Promise<Download> {
  const { serviceType, provider } = wish
  const connection = await person.api.connect({ serviceType, provider: provider.identity })
  say(`${called(person.name)} is connected to ${called(provider.name)}: ${connection.description}.`)
  const bytes = await download(devnet, person, wish.bytes, connection.listening)
  const { connections } = await person.api.connections()
  const path = connections.find(({ id }) => id === connection.id)?.path ?? 'link'
  const how = path === 'direct' ? 'on a path punched through both routers' : 'over the link'
  say(`${called(person.name)} has downloaded ${(bytes / 1e6).toFixed(0)} MB through ${called(provider.name)}, ${how}.`)
  return { who: person.name, connectionId: connection.id, bytes, path }
}

/** In a process of its own, where the person lives. @throws Fault `download-failed`. */
export function download(
  devnet: { readonly website: Pick<Devnet['website'], 'url'>; readonly processes: Devnet['processes'] },
  { place }: Pick<Person, 'place'>,
  bytes: number,
  socks: { readonly host: string; readonly port: number } | undefined,
  onProgress: (bytes: number) => void = () => {},
): Promise<number> {
  const visit = JSON.stringify({ url: `${devnet.website.url}/bytes/${bytes}`, ...(socks && { socks }) })
  const child = place.spawn(process.execPath, [browserScript, visit], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  devnet.processes.add(child, 'browser')
  return new Promise((resolve, reject) => {
    let so = 0
    child.on('message', (message) => {
      const told = message as { bytes: number; done?: boolean; failed?: string }
      so = told.bytes
      onProgress(so)
      if (told.done) resolve(so)
      if (told.failed !== undefined) reject(new Fault('download-failed', { bytes: so, why: told.failed }))
    })
    child.once('exit', () => reject(new Fault('download-failed', { bytes: so, why: 'browser ended' })))
  })
}

/** From the first connection to the last wei. */
export async function tellStory(crypto: Crypto, devnet: Devnet, say: (line: string) => void): Promise<Story> {
  const { alice, erin, bob, dan } = devnet.people
  const topUps = await openForBusiness(devnet, say)
  const driver = alicesDriver(devnet)
  const downloads = await Promise.all([
    browse(devnet, alice, { serviceType: driver, provider: bob, bytes: sizes.alice }, say),
    browse(devnet, erin, { serviceType: 'proxy', provider: bob, bytes: sizes.erinByBob }, say),
    browse(devnet, erin, { serviceType: 'proxy', provider: dan, bytes: sizes.erinByDan }, say),
  ])
  await Promise.all(downloads.map(({ who, connectionId }) => devnet.people[who].api.disconnect({ id: connectionId })))
  say('Everybody has disconnected; the last seconds are invoiced and paid.')
  const visitors = await devnet.website.visitors()
  const exchanged = await until(
    () => readBooks(crypto, devnet, topUps),
    (books) => books.inFlight === 0n,
  )
  say('Bob and Dan have exchanged every promise for one of the accountant.')
  const settlement = await bob.api.settle()
  say(
    `Bob settles ${formatMyst(BigInt(settlement.paid))} MYST on chain; ${formatMyst(BigInt(settlement.transactorFee))} go to the transactor.`,
  )
  // Providers and accountant say what they have seen, a moment after the chain shows it.
  const books = await until(
    () => readBooks(crypto, devnet, topUps),
    (seen) => collectedAll(seen) && seen.imbalances.length === 0,
  )
  say(`The accountant has collected ${formatMyst(collected(books))} MYST from the channels of Alice and Erin.`)

  const failures = [...books.imbalances]
  const must = (what: string, holds: boolean) => {
    if (!holds) failures.push(what)
  }
  const [byAlice = 0, erinByBob, erinByDan] = downloads.map(({ bytes }) => bytes)
  must('Alice downloads at least 60 MB', byAlice >= 60_000_000)
  must('Erin downloads all of it from Bob and from Dan', erinByBob === sizes.erinByBob && erinByDan === sizes.erinByDan)
  must("Alice's tunnel has a path of its own", driver !== 'wireguard' || downloads[0]?.path === 'direct')
  must('Alice pays by at least 10 promises', books.consumers.alice.promises >= 10)
  must('all consumers together pay by at least 20 promises', books.promises >= 20)
  must('everything promised is exchanged', exchanged.inFlight === 0n)
  must('Bob settles all of it', books.providers.bob.settled === books.providers.bob.credited)
  must('the accountant collects all of it', collectedAll(books))
  must(
    "the website sees Bob's and Dan's addresses",
    [bob, dan].every(({ place }) => (visitors[place.address] ?? 0) > 0),
  )
  must('the website sees nobody else', Object.keys(visitors).length === 2)
  return {
    bytes: downloads.reduce((sum, { bytes }) => sum + bytes, 0),
    drivers: [...new Set([driver, 'proxy'])],
    skipped:
      devnet.places.kind === 'namespaces'
        ? []
        : [{ part: 'network namespaces, NAT and WireGuard', why: devnet.places.why ?? 'not possible here' }],
    books,
    failures,
  }
}

const collected = ({ consumers }: Books): bigint => consumers.alice.collected + consumers.erin.collected
const collectedAll = (books: Books): boolean => collected(books) === books.spent - books.inFlight

/** Settlement and collection take a block or two each. */
const patienceMs = 15_000

/** Looks until it holds, or patience ends; then what is there is what is reported. */
export async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const seen = await look()
    if (holds(seen) || Date.now() > deadline) return seen
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

export const called = (name: HomeName): string => name[0]?.toUpperCase() + name.slice(1)
