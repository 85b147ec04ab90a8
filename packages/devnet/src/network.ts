/**
 * The whole network on one machine: chain, contracts, accountant, transactor, full nodes, website, four people.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ApiClient, createApiClient } from '@myst/api'
import type { ChainClient } from '@myst/chain'
import {
  type Address,
  type Crypto,
  devnetId,
  Fault,
  formatNetworkProfile,
  myst,
  type NetworkProfile,
} from '@myst/protocol'
import { encryptKey, writeKeyFile } from '@myst/store'
import { startChain } from './chain-process.ts'
import { type DevnetContracts, deployDevnet, richKeys } from './contracts.ts'
import { type HomeName, homeNames, makePlaces, type Place, type Places } from './place.ts'
import { createProcesses, type Processes, type Running } from './processes.ts'

export interface Devnet {
  readonly dir: string
  readonly places: Places
  readonly profile: NetworkProfile
  readonly chain: ChainClient
  readonly contracts: DevnetContracts
  readonly website: Website
  readonly processes: Processes
  /** What the accountant says of itself. */
  accountantStatus(): Promise<{ readonly credited: string; readonly fees: string; readonly promises: number }>
  /** The accountant's process. */
  hub(): Running
  readonly people: Readonly<Record<HomeName, Person>>
  /** Starts a person's node, or the accountant, again with the same data: after a crash. */
  restart(name: HomeName | 'accountant'): Promise<void>
  close(): Promise<void>
}

export interface Person {
  readonly name: HomeName
  readonly place: Place
  readonly dataDir: string
  identity: Address
  api: ApiClient
  running: Running
}

export interface Website {
  readonly url: string
  readonly host: string
  /** Bytes served to each address. */
  visitors(): Promise<Readonly<Record<string, number>>>
}

const stageOf = { bob: 'provider', dan: 'provider', alice: 'consumer', erin: 'consumer' } as const

const ports = { accountant: 4060, transactor: 4070, fullNode: 4040, stun: 3478, website: 8080 } as const

/** A transactor's own exchange rate: 100 MYST for a unit of the chain's coin. */
const mystPerNative = 100n * myst
/** For keys that somebody brings along: `myst faucet` pays their channels as much as Alice has. */
const faucet = { amount: (20n * myst).toString(), perDay: 1000, perAddressPerDay: 1000 } as const
/** Devnet sessions last seconds: everything in the payment rules is 20 times as much, and invoices come every second. */
const priceScale = 20n

export async function startDevnet(
  crypto: Crypto,
  options: {
    readonly places: 'namespaces' | 'loopback' | 'best'
    /** Leaves data and logs where they are when it closes. */
    readonly keep?: boolean
    readonly say: (line: string) => void
  },
): Promise<Devnet> {
  const { say } = options
  const dir = await mkdtemp(join(tmpdir(), 'myst-devnet-'))
  const processes = createProcesses(dir)
  let places: Places | undefined
  const close = async () => {
    await processes.close()
    await places?.close()
    if (options.keep) say(`Data and logs stay in ${dir}.`)
    else await rm(dir, { recursive: true, force: true })
  }
  try {
    places = await makePlaces(options.places)
    say(
      places.kind === 'namespaces'
        ? 'Bob, Dan, Alice and Erin each live in a network namespace behind a NAT router of their own.'
        : `Everybody has an address of 127.0.0.0/8 (no network namespaces: ${places.why}).`,
    )
    return await startIn(places, { crypto, dir, processes, say, close })
  } catch (cause) {
    await close()
    throw cause
  }
}

async function startIn(
  places: Places,
  parts: {
    crypto: Crypto
    dir: string
    processes: Processes
    say: (line: string) => void
    close: () => Promise<void>
  },
): Promise<Devnet> {
  const { crypto, dir, processes, say } = parts
  const config = (name: string, json: object) => writeJson(`${dir}/${name}.json`, json)
  const { services, fullNodeAddresses, website: site } = places
  const accountantUrl = `http://${services.address}:${ports.accountant}`

  // The DHT needs no chain: both start at once.
  const [chain, , websiteRunning] = await Promise.all([
    startChain(services, `${dir}/chain.ipc`),
    config('full-nodes', {
      networkId: devnetId,
      lab: true,
      addresses: fullNodeAddresses.map((host) => ({ host, port: ports.fullNode, stunPort: ports.stun })),
    }).then((file) =>
      processes.start('full-nodes', places.fullNodes, program('@myst/node', 'full-node-main.ts'), [file], 'network'),
    ),
    config('website', { host: site.address, port: ports.website }).then((file) =>
      processes.start('website', site, local('website-main.ts'), [file], 'network'),
    ),
  ])
  processes.add(chain.child, 'network')
  const contracts = await deployDevnet(
    chain.client,
    { operator: crypto.addressOf(richKeys.operator), transactor: crypto.addressOf(richKeys.transactor) },
    accountantUrl,
  )
  say(
    `A chain with MYST, registry and accountant ${contracts.accountant} runs; so do ${fullNodeAddresses.length} full nodes.`,
  )

  const websiteUrl = String(websiteRunning.ready.url)
  const lab = places.kind === 'namespaces'
  const profile: NetworkProfile = {
    networkId: devnetId,
    chainId: chain.client.chainId,
    rpcUrls: [chain.rpcUrl],
    contracts: contracts.contracts,
    deployedAtBlock: contracts.deployedAtBlock,
    confirmationDepth: 1,
    accountants: [{ address: contracts.accountant, operator: crypto.addressOf(richKeys.operator), url: accountantUrl }],
    transactorUrls: [`http://${services.address}:${ports.transactor}`],
    bootstrap: fullNodeAddresses.map((host) => `${host}:${ports.fullNode}`),
    stunServers: fullNodeAddresses.slice(0, 2).map((host) => `${host}:${ports.stun}`),
    // In the lab its ranges are the internet; on loopback nothing is public but the website.
    exit: {
      publicRanges: lab ? ['198.18.0.0/15', '203.0.113.0/24'] : [],
      publicEndpoints: lab ? [] : [`${site.address}:${ports.website}`],
    },
    priceScale,
  }
  const profileFile = `${dir}/profile.json`
  await writeFile(profileFile, formatNetworkProfile(profile))

  const startService = async (name: 'accountant' | 'transactor', key: Uint8Array, more: object): Promise<Running> => {
    const dataDir = `${dir}/${name}`
    const json = { profile: profileFile, dataDir, host: services.address, port: ports[name], ...more }
    const file = await config(name, { ...json, ...(await writeKey(crypto, dataDir, key)) })
    return processes.start(name, services, program(`@myst/${name}`, 'main.ts'), [file], 'service')
  }
  const startAccountant = () =>
    startService('accountant', richKeys.operator, {
      accountant: contracts.accountant,
      collectEveryMs: 2000,
      collectFrom: '1',
      // Its coin is worth nothing, so that the last step of a session is collected too, however small.
      mystPerNative: '1',
    })
  const startPerson = async (name: HomeName): Promise<Person> => {
    const place = places.homes[name]
    const dataDir = `${dir}/${name}`
    const file = await config(name, {
      profile: profileFile,
      dataDir,
      drivers: lab ? ['proxy', 'wireguard'] : ['proxy'],
      policy: { minInvoiceMs: 1000, maxInvoiceMs: 1000 },
      ...(place.bind === undefined ? {} : { bind: { host: place.bind, port: 0 } }),
    })
    const running = await processes.start(name, place, program('@myst/node', 'main.ts'), [file], stageOf[name])
    const token = (await readFile(`${dataDir}/api-token`, 'utf8')).trim()
    const api = createApiClient({ socketPath: String(running.ready.socket), token })
    return { name, place, dataDir, identity: running.ready.identity as Address, api, running }
  }

  let [hub] = await Promise.all([
    startAccountant(),
    startService('transactor', richKeys.transactor, { mystPerNative: mystPerNative.toString(), faucet }),
  ])
  const people = {} as Record<HomeName, Person>
  await Promise.all(
    homeNames.map(async (name) => {
      people[name] = await startPerson(name)
    }),
  )
  return {
    dir,
    places,
    profile,
    chain: chain.client,
    contracts,
    processes,
    people,
    accountantStatus: () => askReport(hub),
    hub: () => hub,
    website: { url: websiteUrl, host: site.address, visitors: () => askReport(websiteRunning) },
    async restart(name) {
      if (name === 'accountant') hub = await startAccountant()
      else Object.assign(people[name], await startPerson(name))
    },
    close: parts.close,
  }
}

/** Longer than a look at the chain takes. */
const reportTimeoutMs = 15_000

/** Over the IPC channel: it reaches into network namespaces. @throws Fault `report-failed`. */
function askReport<T>({ name, child }: Running): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = (why: unknown) => reject(new Fault('report-failed', { name, why: String(why) }))
    const timer = setTimeout(() => failed('no answer'), reportTimeoutMs)
    child.once('message', (message) => {
      clearTimeout(timer)
      const told = message as { report?: T; error?: string }
      if (told.error === undefined) resolve(told.report as T)
      else failed(told.error)
    })
    child.send({}, (error) => {
      if (error !== null) failed(error.message)
    })
  })
}

/** A keystore file and its passphrase, as an operator would have them. */
async function writeKey(crypto: Crypto, dataDir: string, key: Uint8Array) {
  const keyFile = `${dataDir}/key.json`
  const passphraseFile = `${dataDir}/passphrase`
  const there = await readFile(keyFile, 'utf8').catch(() => undefined)
  if (there === undefined) {
    const passphrase = randomBytes(16).toString('hex')
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await writeKeyFile(passphraseFile, passphrase)
    await writeKeyFile(keyFile, await encryptKey(crypto, key, passphrase))
  }
  return { keyFile, passphraseFile }
}

async function writeJson(file: string, json: object): Promise<string> {
  await writeFile(file, JSON.stringify(json, undefined, 2))
  return file
}

const local = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const program = (name: string, file: string) => fileURLToPath(new URL(file, import.meta.resolve(name)))
