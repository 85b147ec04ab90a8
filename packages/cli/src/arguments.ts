/**
 * What people type, read once: amounts, countries, addresses, endpoints, delays.
 *
 * @module
 */

import { type Address, idempotencyKeyPattern, isAddress, parseMyst } from '@myst/api'
import { InvalidArgumentError } from 'commander'

/** MYST as a person writes it. @returns base units as JSON carries them. */
export function readMyst(text: string): string {
  const amount = parseMyst(text)
  if (!amount.ok) throw new InvalidArgumentError('An amount is written as 1, 0.003 or 1_000.5, in MYST.')
  return amount.value.toString()
}

/** Percent of something, more than all of it allowed. */
export function readPercent(text: string): number {
  if (!/^\d{1,6}$/.test(text))
    throw new InvalidArgumentError('A share is written in percent, without the sign: 50, 100.')
  return Number(text)
}

export function readCountry(text: string): string {
  if (!/^[a-z]{2}$/i.test(text)) throw new InvalidArgumentError('A country is written as two letters: NL, DE, US.')
  return text.toUpperCase()
}

export function readIdentity(text: string): Address {
  const address = text.toLowerCase()
  if (!isAddress(address)) throw new InvalidArgumentError('An identity is 0x and 40 hex digits.')
  return address
}

export function readServiceType(text: string): string {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(text)) {
    throw new InvalidArgumentError('A service is named in lower-case letters: proxy, wireguard.')
  }
  return text
}

export function readConnectionId(text: string): string {
  if (!/^[0-9a-zA-Z-]{1,64}$/.test(text)) throw new InvalidArgumentError('See the ids with "myst status".')
  return text
}

/** Names one write, so that it may be asked for again. */
export function readKey(text: string): string {
  if (!idempotencyKeyPattern.test(text)) {
    throw new InvalidArgumentError('A name has 1 to 128 visible characters of ASCII, and no space.')
  }
  return text
}

/** Where to connect to: a country or a provider. */
export function readTarget(text: string): { readonly country?: string; readonly provider?: Address } {
  if (/^0x/i.test(text)) return { provider: readIdentity(text) }
  return { country: readCountry(text) }
}

/** `host:port`, `[ipv6]:port`, or a port alone, which is on 127.0.0.1. */
export function readEndpoint(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([0-9A-Za-z.-]+)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new InvalidArgumentError('Write it as 127.0.0.1:1080, or as 1080.')
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port }
}

export function readAddress(text: string): Address {
  const address = text.toLowerCase()
  if (!isAddress(address)) throw new InvalidArgumentError('An address is 0x and 40 hex digits.')
  return address
}

/** An RPC endpoint of a blockchain node, or the path of its socket. */
export function readRpcUrl(text: string): string {
  if (text.startsWith('/')) return text
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '')) {
    throw new InvalidArgumentError('Write it as https://host, http://127.0.0.1:8545, or the path of a socket.')
  }
  return text
}

export function readChainId(text: string): string {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new InvalidArgumentError('A chain id is a whole number: 1, 137, 31337.')
  return text
}

/** Addresses are derived from it, so it has one way to be written. */
export function readNetworkId(text: string): string {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(text)) {
    throw new InvalidArgumentError('A network is named in lower-case letters, digits and hyphens: oxford, test-2.')
  }
  if (text === 'devnet') throw new InvalidArgumentError('That is the network of "myst up"; choose another name.')
  return text
}

const delayUnits = { s: 1n, min: 60n, h: 3600n, d: 86_400n } as const

/** @returns seconds. */
export function readDelay(text: string): string {
  const match = /^(\d{1,9})(s|min|h|d)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('A delay is written as 4d, 12h, 30min or 90s.')
  const [, count = '0', unit] = match
  return String(BigInt(count) * delayUnits[unit as keyof typeof delayUnits])
}

/** @returns basis points; the contract takes half at most. */
export function readFeeRate(text: string): string {
  const match = /^(\d{1,2})(?:\.(\d{1,2}))?%$/.exec(text)
  const [, whole = '', fraction = ''] = match ?? []
  const points = Number(whole) * 100 + Number(fraction.padEnd(2, '0'))
  if (match === null || points > 5000) throw new InvalidArgumentError('Write it as 3% or 2.5%; 50% is the most.')
  return String(points)
}

/** As the registry keeps it: providers connect there. */
const maxUrlBytes = 256

export function readServiceUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '') || Buffer.byteLength(text) > maxUrlBytes) {
    throw new InvalidArgumentError('Write it as https://accountant.example.org.')
  }
  return text.replace(/\/$/, '')
}

/** As in a profile: more than a day of blocks on any chain. */
const maxConfirmationDepth = 100_000

export function readConfirmationDepth(text: string): number {
  const depth = Number(text)
  if (!/^\d+$/.test(text) || depth < 1 || depth > maxConfirmationDepth) {
    throw new InvalidArgumentError('Blocks, at least 1: the head has depth 1.')
  }
  return depth
}
