/**
 * The transactor as a program: HTTP in front of its networks.
 *
 * @module
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import type { Address } from '@myst/protocol'
import { createHttpServer } from './http-server.ts'
import { type NetworkOptions, type NetworkService, openNetwork } from './network-service.ts'

export interface TransactorOptions {
  /** Each with a key and a database of its own. */
  readonly networks: readonly NetworkOptions[]
  readonly host: string
  readonly port: number
  readonly trustProxy: boolean
  readonly now: () => number
  readonly log: (line: string) => void
}

export interface Transactor {
  readonly url: string
  /** Of the first network. */
  readonly address: Address
  readonly networks: readonly NetworkService[]
  close(): Promise<void>
}

export const defaultTransactorOptions = {
  host: '127.0.0.1',
  port: 4070,
  trustProxy: false,
  now: Date.now,
} as const

export async function startTransactor({
  host,
  port,
  trustProxy,
  now,
  log,
  ...options
}: TransactorOptions): Promise<Transactor> {
  const crypto = await loadNativeCrypto()
  const networks: NetworkService[] = []
  const closeAll = async () => void (await Promise.all(networks.map((network) => network.close())))
  try {
    for (const network of options.networks) networks.push(await openNetwork({ crypto, now, log }, network))
    const server = createHttpServer({ networks, trustProxy, log })
    const url = await server.listen({ host, port })
    for (const { networkId, address } of networks) log(`transactor ${address} for ${networkId} at ${url}`)
    return {
      url,
      address: networks[0]?.address as Address,
      networks,
      async close() {
        for (const network of networks) network.hurry()
        await server.close()
        await closeAll()
      },
    }
  } catch (fault) {
    await closeAll()
    throw fault
  }
}
