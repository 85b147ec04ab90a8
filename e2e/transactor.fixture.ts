/**
 * A transactor on a chain of its own, people who want something of it, and an RPC endpoint that can fail in between.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { mystTokenAbi } from '@myst/contracts'
import { richKeys } from '@myst/devnet'
import {
  type Address,
  type Bytes32,
  type Crypto,
  channelAddress,
  decodeMessage,
  encodeMessage,
  exitRequestStruct,
  fastExitStruct,
  hashTypedData,
  myst,
  type Quote,
  quoteSchema,
  type Registration,
  registrationStruct,
  type Struct,
  stakeDecreaseStruct,
  type TransactorCall,
  type TransactorRequest,
  type TransactorState,
  toHex,
  transactorRequestSchema,
  transactorStateSchema,
  type ValueOf,
  zeroAddress,
} from '@myst/protocol'
import {
  defaultNetworkOptions,
  defaultTransactorOptions,
  type NetworkOptions,
  startTransactor,
  type Transactor,
} from '@myst/transactor'
import { openTestChain, type TestChain } from './chain.fixture.ts'

export interface Answer {
  readonly http: number
  readonly code?: string
  readonly status?: TransactorState['status']
  readonly hash?: Bytes32
  readonly id?: Bytes32
}

export interface TransactorWorld {
  readonly world: TestChain
  readonly transactor: () => Transactor
  /** An endpoint that answers as the test says; the transactor uses it. */
  readonly rpc: FaultyRpc
  /** A second endpoint of the same chain, which the transactor uses where the test asked for it. */
  readonly second: FaultyRpc
  /** Ends it as a crash would leave it, and starts it anew on the same disk. */
  restart(change?: Partial<NetworkOptions>): Promise<void>
  newcomer(paidIn?: bigint): Promise<Person>
  quote(call?: TransactorCall): Promise<Quote>
  carry(request: TransactorRequest): Promise<Answer>
  register(person: Person, fee: bigint, change?: Partial<Registration>): TransactorRequest
  sign<S extends Struct>(person: Person, contract: Address, type: S, value: ValueOf<S>): Uint8Array
  balanceOf(address: Address): Promise<bigint>
  readonly options: (more?: Partial<NetworkOptions>) => NetworkOptions
  /** For the chain and for the transactor's clock. */
  passTime(seconds: number): Promise<void>
  /** Any method of the node, anvil's own included. */
  node(method: string, ...params: unknown[]): Promise<unknown>
  close(): Promise<void>
}

export interface Person {
  readonly key: Uint8Array
  readonly identity: Address
  readonly channel: Address
}

export interface FaultyRpc {
  readonly url: string
  /** Gets each body; undefined passes it on to the chain. */
  answer: ((body: string) => string | number | undefined | Promise<string | number | undefined>) | undefined
  /** Changes what the chain answered: a result, or an error of the node's. */
  change:
    | ((call: { readonly method: string; readonly params: readonly unknown[] }, result: unknown) => unknown)
    | undefined
}

/** The node says no. */
export class RpcError {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

export const pollingMs = 20

export async function openTransactorWorld(
  crypto: Crypto,
  host: string,
  change: Partial<NetworkOptions> = {},
  { endpoints = 1 }: { readonly endpoints?: 1 | 2 } = {},
): Promise<TransactorWorld> {
  const world = await openTestChain(crypto, host)
  const [{ server, rpc }, other] = await Promise.all([
    openFaultyRpc(host, 8546, world.chain.rpcUrl),
    openFaultyRpc(host, 8547, world.chain.rpcUrl),
  ])
  const rpcUrls = [rpc.url, other.rpc.url].slice(0, endpoints)
  const options = (more: Partial<NetworkOptions> = {}): NetworkOptions => ({
    ...defaultNetworkOptions,
    profile: { ...world.profile, rpcUrls },
    key: richKeys.transactor,
    mystPerNative: 100n * myst,
    storePath: `${world.dir}/transactor.db`,
    pollingMs,
    retryMs: 50,
    answerWithinMs: 10_000,
    lookEveryMs: 50,
    ...change,
    ...more,
  })
  const start = (more: Partial<NetworkOptions> = {}) =>
    startTransactor({
      ...defaultTransactorOptions,
      networks: [options(more)],
      host,
      port: 4070,
      now: () => Date.now() + aheadMs,
      log: () => {},
    })
  let aheadMs = 0
  let transactor = await start()
  let people = 1
  const { contracts, accountant } = world.network

  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(transactor.url + path, {
      ...init,
      headers: { 'content-type': 'application/cbor', ...init.headers },
    })
    return { http: response.status, body: new Uint8Array(await response.arrayBuffer()) }
  }

  function sign<S extends Struct>(person: Person, verifyingContract: Address, type: S, value: ValueOf<S>): Uint8Array {
    return crypto.sign(
      hashTypedData(crypto, { chainId: world.profile.chainId, verifyingContract }, type, value),
      person.key,
    )
  }

  return {
    world,
    rpc,
    second: other.rpc,
    sign,
    options,
    async passTime(seconds) {
      aheadMs += seconds * 1000
      await world.chain.client.rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never)
      await world.chain.client.rpc.request({ method: 'anvil_mine', params: ['0x1'] } as never)
    },
    transactor: () => transactor,
    async restart(more) {
      await transactor.close()
      // Until fetch has seen that its connections are closed.
      await wait(pollingMs)
      transactor = await start(more)
    },
    async newcomer(paidIn = myst) {
      const key = crypto.keccak256(Uint8Array.of(people++, 77))
      const identity = crypto.addressOf(key)
      const channel = channelAddress(crypto, contracts, identity, accountant)
      if (paidIn > 0n) await world.network.faucet(channel, paidIn)
      return { key, identity, channel }
    },
    async quote(call = 'register') {
      const { body } = await ask(`/v1/quotes/${call}`)
      const decoded = decodeMessage(quoteSchema, body)
      if (!decoded.ok) throw new Error(new TextDecoder().decode(body))
      return decoded.value
    },
    async carry(request) {
      const body = Buffer.from(encodeMessage(transactorRequestSchema, request))
      const answer = await ask('/v1/requests', { method: 'POST', body })
      if (answer.http !== 200) return { http: answer.http, ...JSON.parse(new TextDecoder().decode(answer.body)) }
      const decoded = decodeMessage(transactorStateSchema, answer.body)
      if (!decoded.ok) throw new Error(decoded.refusal.code)
      return { http: 200, ...decoded.value }
    },
    register(person, fee, more = {}) {
      const registration: Registration = {
        identity: person.identity,
        accountant,
        beneficiary: zeroAddress,
        transactor: transactor.address,
        fee,
        nonce: 1n,
        deadline: 2n ** 40n,
        ...more,
      }
      return {
        kind: 'register',
        registration,
        signature: sign(person, contracts.registry, registrationStruct, registration),
      }
    },
    balanceOf: (address) =>
      world.chain.client.rpc.readContract({
        address: contracts.token,
        abi: mystTokenAbi,
        functionName: 'balanceOf',
        args: [address],
      }),
    node: (method, ...params) => world.chain.client.rpc.request({ method, params } as never),
    async close() {
      await transactor.close()
      for (const proxy of [server, other.server]) {
        proxy.closeAllConnections()
        proxy.close()
      }
      await world.close()
    },
  }
}

interface RpcCall {
  readonly method: string
  readonly params: readonly unknown[]
}

/** An endpoint between a chain and who asks it. */
export async function openFaultyRpc(
  host: string,
  port: number,
  target: string,
): Promise<{ server: Server; rpc: FaultyRpc }> {
  const rpc: { -readonly [K in keyof FaultyRpc]: FaultyRpc[K] } = {
    url: `http://${host}:${port}`,
    answer: undefined,
    change: undefined,
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const given = await rpc.answer?.(body)
    if (typeof given === 'number') return void response.writeHead(given).end('<html>not now</html>')
    if (given !== undefined) return void response.end(given)
    try {
      const real = await fetch(target, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
      response.setHeader('content-type', 'application/json').end(changed(body, await real.text()))
    } catch {
      response.destroy()
    }
  })
  const changed = (body: string, answered: string): string => {
    const { change } = rpc
    if (change === undefined) return answered
    const asked = [JSON.parse(body)].flat() as (RpcCall & { readonly id: number })[]
    const one = (answer: { readonly id: number; readonly result?: unknown; readonly error?: unknown }) => {
      const call = asked.find(({ id }) => id === answer.id)
      if (call === undefined) return answer
      const given = change(call, 'error' in answer ? new RpcError(answer.error) : answer.result)
      const head = { jsonrpc: '2.0', id: answer.id }
      return given instanceof RpcError ? { ...head, error: given.error } : { ...head, result: given }
    }
    const answers = JSON.parse(answered)
    return JSON.stringify(Array.isArray(answers) ? answers.map(one) : one(answers))
  }
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return { server, rpc }
}

/** Polls until it is so. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 250; looks++) {
    if (await what()) return
    await wait(pollingMs)
  }
  throw new Error('it never came to be')
}

export const idOf = (crypto: Crypto, request: TransactorRequest): Bytes32 =>
  toHex(crypto.keccak256(encodeMessage(transactorRequestSchema, request)))

export { exitRequestStruct, fastExitStruct, stakeDecreaseStruct }
