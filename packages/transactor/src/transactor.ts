/**
 * The transactor as a program: HTTP in front of a carrier.
 *
 * @module
 */

import { connectChain, createSender } from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  encodeMessage,
  isBytes32,
  type NetworkProfile,
  quoteSchema,
  transactorCalls,
  transactorStateSchema,
} from '@myst/protocol'
import { openSqliteStore } from '@myst/store'
import Fastify from 'fastify'
import { createCarrier } from './carrier.ts'
import { createQuoter } from './quoter.ts'

export interface TransactorOptions {
  readonly profile: NetworkProfile
  /** Pays the gas and earns the fees. */
  readonly key: Uint8Array
  readonly mystPerNative: bigint
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly log: (line: string) => void
}

export interface Transactor {
  readonly url: string
  readonly address: Address
  close(): Promise<void>
}

const cbor = 'application/cbor'
const maxBodyBytes = 16_384

export async function startTransactor(options: TransactorOptions): Promise<Transactor> {
  const { profile, log } = options
  const crypto = await loadNativeCrypto()
  const [rpcUrl = ''] = profile.rpcUrls
  const client = await connectChain({ rpcUrl, chainId: profile.chainId, pollingMs: 50 })
  const store = openSqliteStore(`${options.dataDir}/transactor.db`)
  const sender = createSender(client, options.key)
  const quoter = createQuoter(
    { client, now: Date.now },
    { transactor: sender.address, mystPerNative: options.mystPerNative },
  )
  const carrier = createCarrier(
    { crypto, store, sender, quoter, now: Date.now, onFault: (fault) => log(fault.message) },
    { registry: profile.contracts.registry, accountants: profile.accountants.map(({ address }) => address) },
  )

  const server = Fastify({ bodyLimit: maxBodyBytes })
  server.addContentTypeParser(cbor, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error: { statusCode?: number; code?: string; message: string }, _request, reply) => {
    const statusCode = error.code === 'chain-unreachable' ? 503 : (error.statusCode ?? 500)
    if (statusCode >= 500) log(error.message)
    const code = statusCode === 503 ? 'chain-unreachable' : statusCode < 500 ? 'request-malformed' : 'internal'
    return reply.code(statusCode).send({ code, message: code, facts: {} })
  })

  server.get<{ Params: { call: string } }>('/v1/quotes/:call', async (request, reply) => {
    const call = transactorCalls.find((name) => name === request.params.call)
    if (call === undefined)
      return reply.code(404).send({ code: 'call-unknown', message: 'register or settle', facts: {} })
    return reply.type(cbor).send(Buffer.from(encodeMessage(quoteSchema, await quoter.quote(call))))
  })

  server.post('/v1/requests', async (request, reply) => {
    const body = request.body instanceof Uint8Array ? new Uint8Array(request.body) : new Uint8Array()
    const carried = await carrier.carry(body)
    if (!carried.ok) {
      const { code, ...facts } = carried.refusal
      return reply.code(422).send({ code, message: code, facts: JSON.parse(JSON.stringify(facts, bigintAsText)) })
    }
    return reply.type(cbor).send(Buffer.from(encodeMessage(transactorStateSchema, carried.value)))
  })

  server.get<{ Params: { id: string } }>('/v1/requests/:id', async (request, reply) => {
    const state = isBytes32(request.params.id) ? carrier.stateOf(request.params.id) : undefined
    if (state === undefined)
      return reply.code(404).send({ code: 'request-unknown', message: 'no such request', facts: {} })
    return reply.type(cbor).send(Buffer.from(encodeMessage(transactorStateSchema, state)))
  })
  server.get('/healthz', async () => ({ transactor: sender.address }))

  const url = await server.listen({ host: options.host, port: options.port })
  log(`transactor ${sender.address} at ${url}`)
  carrier.resume().catch((fault: Error) => log(fault.message))
  return {
    url,
    address: sender.address,
    async close() {
      await server.close()
      store.close()
    },
  }
}

const bigintAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)
