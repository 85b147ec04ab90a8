/**
 * Asks the accountant that runs, as its operator: the program beside it has the same configuration and key.
 *
 * @module
 */

import type { Config } from '@myst/program'
import { type Crypto, type Domain, type Fault, type NetworkProfile, signRequestWith } from '@myst/protocol'
import { needOperatorKey, type OperatorKey } from './operator-key.ts'
import { defaultOptions } from './options.ts'
import { accountantOf } from './which-accountant.ts'

export interface RunningAccountant {
  readonly host: string
  readonly port: number
  readonly domain: Domain
  readonly operatorKey: OperatorKey
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
    operatorKey: await needOperatorKey(crypto, config),
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
  const sign = async (hash: Uint8Array) => (await operatorKey.sign([hash]))[0] as Uint8Array
  const own = { identity: operatorKey.address, nowMs: Date.now(), sign }
  const authorization = await signRequestWith(crypto, domain, { method, path, body }, own)
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
