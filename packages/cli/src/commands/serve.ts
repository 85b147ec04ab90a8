/**
 * `myst serve`: offers services, or withdraws them.
 *
 * @module
 */

import type { ApiClient, ServiceJson } from '@myst/api'
import { InvalidArgumentError } from 'commander'
import { readCountry, readMyst, readServiceType } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import { mystText } from '../wording.ts'

interface ServeOptions {
  readonly country?: string
  readonly pricePerGib?: string
  readonly pricePerHour?: string
  readonly stop?: boolean
}

const serve: Action<[readonly string[], ServeOptions]> = async (context, named, options) => {
  const node = await context.node()
  if (options.stop === true) {
    const stopped = await context.progress('Ending sessions', stopAll(node, named))
    const text = stopped.length === 0 ? 'Nothing was offered.' : `No longer offered: ${stopped.join(', ')}.`
    return { json: { stopped }, text }
  }
  const services = await context.progress('Publishing the offer', offerAll(node, named, options))
  const lines = services.map(
    ({ serviceType, country, price }) =>
      `${context.paint('green', 'Offered')}: ${serviceType} in ${country}, ${mystText(price.perGib)} a GiB, ${mystText(price.perHour)} an hour.`,
  )
  return { json: { services }, text: [...lines, 'Watch it: myst status --watch'].join('\n') }
}

async function offerAll(node: ApiClient, named: readonly string[], options: ServeOptions): Promise<ServiceJson[]> {
  const { country, pricePerGib, pricePerHour } = options
  if (country === undefined) throw new InvalidArgumentError('Name the country that traffic leaves from: --country NL')
  const priced = pricePerGib !== undefined || pricePerHour !== undefined
  const price = { perGib: pricePerGib ?? '0', perHour: pricePerHour ?? '0' }
  const services: ServiceJson[] = []
  for (const serviceType of named.length === 0 ? ['proxy'] : named) {
    services.push(await node.serve({ serviceType, country, ...(priced ? { price } : {}) }))
  }
  return services
}

async function stopAll(node: ApiClient, named: readonly string[]): Promise<string[]> {
  const offered = named.length === 0 ? (await node.services()).services.map(({ serviceType }) => serviceType) : named
  for (const serviceType of offered) await node.stopService({ serviceType })
  return [...offered]
}

export const registerServe: Register = (program, bind) => {
  const command = program
    .command('serve')
    .summary('offer services, or withdraw them')
    .description('Offers services to others, for money. Without a price, the default of the network is asked.')
    .argument('[services...]', 'proxy (default), wireguard', (text: string, all: readonly string[] = []) => [
      ...all,
      readServiceType(text),
    ])
    .option('--country <country>', 'where traffic leaves to the internet, two letters', readCountry)
    .option('--price-per-gib <MYST>', 'with a price named, what is not named costs nothing', readMyst)
    .option('--price-per-hour <MYST>', 'likewise', readMyst)
    .option('--stop', 'withdraw these services, or all, and end their sessions')
    .action(bind(serve))
  withExample(command, 'myst serve --country NL --price-per-gib 0.1', 'myst serve --stop')
}
