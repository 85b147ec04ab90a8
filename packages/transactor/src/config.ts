/**
 * A transactor's configuration, as its file writes it.
 *
 * `{host?, port?, trustProxy?, dataDir, networks: [{profile, keyFile, passphraseFile, mystPerNative, …}]}`; the fields of a
 * single network may stand at the top. `docs/operating/transactor.md` explains each.
 *
 * @module
 */

import { join } from 'node:path'
import { type Config, configOf, readKey, readProfile } from '@myst/program'
import { type Crypto, Fault } from '@myst/protocol'
import { defaultNetworkOptions, type NetworkOptions } from './network-service.ts'
import { defaultTransactorOptions, type TransactorOptions } from './transactor.ts'

/** A process serves some networks; more belong into more processes. */
const maxNetworks = 16

/** @throws Fault `config-invalid`, those of profile and keystore. */
export async function readTransactorConfig(
  crypto: Crypto,
  config: Config,
): Promise<Omit<TransactorOptions, 'log' | 'now'>> {
  const dataDir = config.text('dataDir')
  const listed = config.value('networks')
  if (listed !== undefined && (!Array.isArray(listed) || listed.length === 0 || listed.length > maxNetworks)) {
    throw new Fault('config-invalid', { name: 'networks', wanted: `a list of 1 to ${maxNetworks}` })
  }
  const entries = (listed as readonly unknown[] | undefined)?.map((entry) => configOf(objectAt('networks', entry)))
  const networks: NetworkOptions[] = []
  for (const entry of entries ?? [config]) {
    const network = await readNetwork(crypto, entry, (networkId) =>
      join(dataDir, entries === undefined ? 'transactor.db' : `${networkId}.transactor.db`),
    )
    if (networks.some(({ profile }) => profile.networkId === network.profile.networkId)) {
      throw new Fault('config-invalid', { name: 'networks', wanted: 'each network once' })
    }
    networks.push(network)
  }
  return {
    networks,
    host: config.optionalText('host') ?? defaultTransactorOptions.host,
    port: config.optionalNumber('port') ?? defaultTransactorOptions.port,
    trustProxy: config.value('trustProxy') === true,
  }
}

async function readNetwork(
  crypto: Crypto,
  config: Config,
  storePath: (networkId: string) => string,
): Promise<NetworkOptions> {
  const profile = await readProfile(config.text('profile'))
  const amountOr = (name: string, otherwise: bigint) =>
    config.optionalText(name) === undefined ? otherwise : config.amount(name)
  const limits = <T>(name: string, read: (part: Config) => T): T | undefined => {
    const value = config.value(name)
    return value === undefined ? undefined : read(configOf(objectAt(name, value)))
  }
  return {
    ...defaultNetworkOptions,
    profile,
    key: await readKey(crypto, config.text('keyFile'), config.text('passphraseFile')),
    mystPerNative: config.amount('mystPerNative'),
    storePath: storePath(profile.networkId),
    maxLostPerDay: amountOr('maxLostPerDay', defaultNetworkOptions.maxLostPerDay),
    maxAdvancedPerDay: amountOr('maxAdvancedPerDay', defaultNetworkOptions.maxAdvancedPerDay),
    sponsor: limits('sponsor', (part) => ({
      perDay: part.number('perDay'),
      perAddressPerDay: part.number('perAddressPerDay'),
    })),
    faucet: limits('faucet', (part) => ({
      amount: part.amount('amount'),
      perDay: part.number('perDay'),
      perAddressPerDay: part.number('perAddressPerDay'),
    })),
  }
}

function objectAt(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Fault('config-invalid', { name, wanted: 'an object' })
}
