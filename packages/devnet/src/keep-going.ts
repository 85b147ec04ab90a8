/**
 * The devnet as a place to look around: people keep browsing and paying, Bob and Dan settle now and then, and a table shows
 * who pays whom, until it is told to stop.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Crypto, Fault, formatMyst, myst } from '@myst/protocol'
import Table from 'cli-table3'
import { type Books, readBooks } from './books.ts'
import type { Devnet, Person } from './network.ts'
import { alicesDriver, called, download, openForBusiness } from './story.ts'

/** One page of the endless browsing. */
const pageBytes = 20_000_000
/** Between two pages somebody reads, and pays for the time alone. */
const pauseMs = 3_000
/** The table is drawn anew so often; whether to settle is asked each tenth time. */
const lookMs = 1_000
/** Earnings that are worth the transactor's fee here. */
const settleFrom = myst / 5n

export async function keepGoing(
  crypto: Crypto,
  devnet: Devnet,
  {
    say,
    show,
    signal,
  }: {
    readonly say: (line: string) => void
    readonly show: (table: string) => void
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { alice, erin, bob, dan } = devnet.people
  const topUps = await openForBusiness(devnet, say)
  const browsing = [
    browseOn(devnet, alice, bob, alicesDriver(devnet)),
    browseOn(devnet, erin, bob, 'proxy'),
    browseOn(devnet, erin, dan, 'proxy'),
  ]
  say(`Data and logs are in ${devnet.dir}. Ask any of them: ./dev myst --data-dir ${alice.dataDir} status`)
  say(`The website is ${devnet.website.url}.`)
  say('Ctrl-C ends it all and leaves nothing behind.')
  const showing = showTable()
  const settling = [bob, dan].map((person) => settleNowAndThen(person, say, signal))
  await Promise.race([Promise.all([...browsing, showing, ...settling]), untilAborted(signal)])

  async function showTable(): Promise<void> {
    while (!signal.aborted) {
      // A node that restarts answers again in a moment.
      const books = await readBooks(crypto, devnet, topUps).catch(() => undefined)
      if (books !== undefined && !signal.aborted) show(renderBooks(books))
      await wait(lookMs, undefined, { signal }).catch(() => {})
    }
  }

  async function browseOn(where: Devnet, who: Person, provider: Person, serviceType: string): Promise<void> {
    const connection = await who.api.connect({ serviceType, provider: provider.identity })
    say(`${called(who.name)} is connected to ${called(provider.name)}: ${connection.description}.`)
    while (!signal.aborted) {
      await download(where, who, pageBytes, connection.listening).catch((fault: Fault) => {
        if (!signal.aborted) say(`${called(who.name)}: ${fault.message}`)
      })
      await wait(pauseMs, undefined, { signal }).catch(() => {})
    }
  }
}

async function settleNowAndThen(person: Person, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await wait(10 * lookMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    try {
      const { provider } = await person.api.status()
      if (BigInt(provider.credited) - BigInt(provider.settled) < settleFrom) continue
      const { paid } = await person.api.settle()
      say(`${called(person.name)} settled ${formatMyst(BigInt(paid))} MYST.`)
    } catch (fault) {
      if (!signal.aborted) say(`${called(person.name)}: ${(fault as Error).message}`)
    }
  }
}

export function renderBooks({ consumers, providers, accountantFees, inFlight }: Books): string {
  const consumersTable = new Table({ head: ['pays', 'promised', 'promises', 'collected', 'left'], style: { head: [] } })
  for (const [name, book] of Object.entries(consumers)) {
    consumersTable.push([
      called(name as 'alice'),
      short(book.spent),
      book.promises,
      short(book.collected),
      short(book.left),
    ])
  }
  const providersTable = new Table({
    head: ['is paid', 'credited', 'batches', 'settled', 'in flight'],
    style: { head: [] },
  })
  for (const [name, book] of Object.entries(providers)) {
    providersTable.push([
      called(name as 'bob'),
      short(book.credited),
      book.batches,
      short(book.settled),
      short(book.inFlight),
    ])
  }
  const last = `accountant's fees ${short(accountantFees)}, in flight ${short(inFlight)} MYST`
  return `${consumersTable.toString()}\n${providersTable.toString()}\n${last}`
}

/** Six decimals: what a person can read; the exact figures are in the API. */
function short(amount: bigint): string {
  const [whole = '0', fraction = ''] = formatMyst(amount).split('.')
  return `${whole}.${fraction.slice(0, 6).padEnd(6, '0')}`
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Fault('stopped')), { once: true })
  })
}
