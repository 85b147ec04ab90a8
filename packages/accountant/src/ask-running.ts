/**
 * Asks the accountant that runs, as its operator: the program beside it has the same configuration and key.
 *
 * @module
 */

import { type Config, readKey } from '@myst/program'
import { type Crypto, type Domain, type Fault, type NetworkProfile, signRequest } from '@myst/protocol'
import { defaultOptions } from './options.ts'
import { accountantOf } from './which-accountant.ts'

export interface RunningAccountant {
  readonly host: string
  readonly port: number
  readonly domain: Domain
  readonly operatorKey: Uint8Array
}

export interface OperatorCall {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Uint8Array
  readonly withinMs: number
}

/** The one with this configuration. */
export async function runningOf(crypto: Crypto, config: Config, profile: NetworkProfile): Promise<RunningAccountant> {
  return {
    host: config.optionalText('host') ?? defaultOptions.host,
    port: config.optionalNumber('port') ?? defaultOptions.port,
    domain: { chainId: profile.chainId, verifyingContract: accountantOf(config, profile) },
    operatorKey: await readKey(crypto, config.text('keyFile'), config.text('passphraseFile')),
  }
}

export const urlOf = ({ host, port }: RunningAccountant): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/**
 * @returns undefined where none runs.
 * @throws what `failed` makes of any other failure.
 */
export async function askRunning(
  crypto: Crypto,
  accountant: RunningAccountant,
  { method, path, body = new Uint8Array(), withinMs }: OperatorCall,
  failed: (why: string, cause: unknown) => Fault,
): Promise<Response | undefined> {
  const { domain, operatorKey } = accountant
  const own = { identity: crypto.addressOf(operatorKey), privateKey: operatorKey, nowMs: Date.now() }
  const authorization = signRequest(crypto, domain, { method, path, body }, own)
  const cbor = method === 'GET' ? {} : { 'content-type': 'application/cbor' }
  try {
    return await fetch(urlOf(accountant) + path, {
      method,
      headers: { authorization, ...cbor },
      signal: AbortSignal.timeout(withinMs),
      ...(method === 'GET' ? {} : { body: Buffer.from(body) }),
    })
  } catch (cause) {
    const { code } = ((cause as Error).cause ?? {}) as { code?: string }
    if (code === 'ECONNREFUSED') return undefined
    throw failed(code ?? (cause as Error).message, cause)
  }
}
