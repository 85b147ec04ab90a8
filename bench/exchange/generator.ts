/**
 * A generator: a process that plays a share of the providers and of their consumers.
 *
 * Promises and batches are signed before the clock runs; while it runs they are only sent, and the answers kept. Each
 * answer is then opened and checked in full: the operator's signatures, every verdict, the amount.
 *
 * It is told what to do over the IPC channel, one `Task` at a time, and answers each with a `Done`.
 *
 * @module
 */

import { once } from 'node:events'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  accountantPromiseStruct,
  assert,
  batchAnswerContent,
  batchContent,
  type ChannelFactory,
  channelAddress,
  decodeMessage,
  derivePreimage,
  digestOf,
  encodeMessage,
  equalBytes,
  feeOf,
  hashlockOf,
  hashPromise,
  hashTypedData,
  maxStreamReplyBytes,
  noTicks,
  openContent,
  preimageSecret,
  type SignedPromise,
  signContent,
  signRequest,
  streamReplySchema,
  streamRequestSchema,
  toHex,
  uintToBytes,
} from '@myst/protocol'
import { WebSocket } from 'ws'

export interface Share {
  readonly index: number
  readonly of: number
  readonly providers: number
  readonly consumers: number
}

export interface Where {
  readonly url: string
  readonly chainId: bigint
  readonly accountant: Address
  readonly operator: Address
  readonly contracts: ChannelFactory
  readonly feeRate: number
}

export type Task =
  /** @returns the channels to be funded. */
  | { readonly kind: 'open'; readonly share: Share; readonly where: Where }
  /** Signs that many batches, each of the provider whose turn it is. */
  | { readonly kind: 'sign'; readonly batches: number; readonly items: number }
  /**
   * Sends what was signed. A connection that breaks ends it: what is unanswered stays so. With `mayBreak` it may break while it
   * opens.
   */
  | { readonly kind: 'send'; readonly inFlight: number; readonly mayBreak?: boolean }
  /** Asks once more for the answer of each provider's newest batch, byte for byte. */
  | { readonly kind: 'ask-again' }
  /** Sends what was answered before, again and again, as fast as it is taken, for so long. */
  | { readonly kind: 'flood'; readonly forMs: number }
  | { readonly kind: 'close' }

export interface Sent {
  readonly answered: number
  readonly unanswered: number
  readonly credited: number
  /** Answers that are not what the batch asks for, and why the first of them is not. */
  readonly wrong: number
  readonly firstWrong?: string
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly cpuSeconds: number
  readonly latenciesMs: readonly number[]
}

export type Done =
  | { readonly channels: readonly Address[] }
  | { readonly signed: number }
  | { readonly sent: Sent }
  | { readonly asked: number; readonly lost: number; readonly firstLost?: string }
  | { readonly flooded: number }
  | { readonly closed: true }

/** One in so many promises was changed after it was signed: to refuse it, its signature must have been looked at. */
const changedEvery = 97
/** Twice the smallest step an accountant takes. */
const step = 2n * 10n ** 12n

/** Between a provider's consumers: no divisor of their number, so that ten of each provider are all of them. */
const apart = 79

interface Provider {
  readonly address: Address
  readonly key: Uint8Array
  readonly secret: Uint8Array
  epoch: bigint
  amount: bigint
  readonly totals: Map<number, bigint>
  answered: Prepared | undefined
  /** Sent, and not answered. */
  open: Prepared | undefined
}

interface Consumer {
  readonly address: Address
  readonly key: Uint8Array
  readonly channel: Address
  amount: bigint
}

interface Prepared {
  readonly provider: Provider
  readonly frame: Uint8Array
  readonly digest: string
  readonly epoch: bigint
  readonly hashlock: `0x${string}`
  /** All the accountant promised once it is answered. */
  readonly amount: bigint
  readonly changed: readonly boolean[]
  sentAtMs: number
  reply: Uint8Array | undefined
}

const crypto = await loadNativeCrypto()
let where: Where
let providers: Provider[] = []
let consumers: Consumer[] = []
let prepared: Prepared[] = []
let turn = 0
let promises = 0

const keyOf = (kind: number, index: number) => crypto.keccak256(Uint8Array.of(kind, ...uintToBytes(BigInt(index), 8)))
const domain = () => ({ chainId: where.chainId, verifyingContract: where.accountant })

function open({ index, of, ...all }: Share): readonly Address[] {
  const own = (count: number) => Array.from({ length: Math.ceil((count - index) / of) }, (_, at) => at * of + index)
  providers = own(all.providers).map((at) => {
    const key = keyOf(1, at)
    const address = crypto.addressOf(key)
    const secret = preimageSecret(key)
    return { address, key, secret, epoch: 0n, amount: 0n, totals: new Map(), answered: undefined, open: undefined }
  })
  consumers = own(all.consumers).map((at) => {
    const key = keyOf(2, at)
    const address = crypto.addressOf(key)
    return { address, key, channel: channelAddress(crypto, where.contracts, address, where.accountant), amount: 0n }
  })
  return consumers.map(({ channel }) => channel)
}

const preimageOf = ({ secret }: Provider, epoch: bigint) =>
  derivePreimage(secret, { chainId: where.chainId, accountant: where.accountant }, epoch)

/** The provider's agreement with its next consumer has grown by a step. */
function signPromise(provider: Provider, at: number, hashlock: `0x${string}`, changed: boolean): SignedPromise {
  const consumer = consumers[at] as Consumer
  const total = (provider.totals.get(at) ?? 0n) + step
  const amount = consumer.amount + step
  const agreement = { id: toHex(keyOf(3, at)), provider: provider.address, total }
  const promise = { amount, hashlock, agreement, ticks: noTicks }
  const hash = hashPromise(crypto, { chainId: where.chainId, channel: consumer.channel }, promise)
  const signature = crypto.sign(hash, consumer.key)
  if (changed) {
    const more = { ...promise, amount: amount + 1n, agreement: { ...agreement, total: total + 1n } }
    return { consumer: consumer.address, promise: more, signature }
  }
  provider.totals.set(at, total)
  consumer.amount = amount
  return { consumer: consumer.address, promise, signature }
}

function signBatch(items: number): Prepared {
  const place = turn++ % providers.length
  const provider = providers[place] as Provider
  const epoch = provider.epoch + 1n
  const hashlock = hashlockOf(crypto, preimageOf(provider, epoch))
  const changed = Array.from({ length: items }, () => ++promises % changedEvery === 0)
  // A channel pays several providers, but seldom two of one moment; the first round meets every consumer.
  const first = place * Math.ceil(consumers.length / providers.length)
  const batch = {
    provider: provider.address,
    epoch,
    hashlock,
    previousAmount: provider.amount,
    ...(epoch === 1n ? {} : { lastPreimage: preimageOf(provider, epoch - 1n) }),
    items: changed.map((isChanged, index) =>
      signPromise(provider, (first + index * apart) % consumers.length, hashlock, isChanged),
    ),
  }
  const signed = signContent(crypto, domain(), batchContent, batch, provider.key)
  const sum = step * BigInt(changed.filter((isChanged) => !isChanged).length)
  provider.epoch = epoch
  provider.amount += sum - feeOf(sum, where.feeRate)
  return {
    provider,
    frame: encodeMessage(streamRequestSchema, { id: BigInt(place), batch: signed }),
    digest: digestOf(crypto, signed.content),
    epoch,
    hashlock,
    amount: provider.amount,
    changed,
    sentAtMs: 0,
    reply: undefined,
  }
}

const opening = { method: 'GET', path: '/v1/exchange', body: new Uint8Array() }

async function connect(): Promise<WebSocket> {
  const [{ address: identity, key: privateKey }] = providers as [Provider]
  const authorization = signRequest(crypto, domain(), opening, { identity, privateKey, nowMs: Date.now() })
  const socket = new WebSocket(where.url, { headers: { authorization } })
  await once(socket, 'open')
  return socket
}

/** Sends all, `inFlight` at a time, each provider's next batch only after its last one. Ends early where the connection does. */
async function exchange(
  socket: WebSocket,
  batches: readonly Prepared[],
  inFlight: number,
  onReply: (sent: Prepared) => void,
) {
  const waiting = new Map<number, Prepared>()
  let next = 0
  await new Promise<void>((resolve) => {
    const sendMore = () => {
      while (waiting.size < inFlight && next < batches.length) {
        const batch = batches[next] as Prepared
        const id = providers.indexOf(batch.provider)
        if (waiting.has(id)) return
        next += 1
        batch.sentAtMs = performance.now()
        batch.provider.open = batch
        waiting.set(id, batch)
        socket.send(batch.frame)
      }
      if (waiting.size === 0) resolve()
    }
    socket.on('message', (data: Buffer) => {
      const id = idOf(data)
      const batch = waiting.get(id)
      if (batch === undefined) return
      waiting.delete(id)
      batch.reply = data
      onReply(batch)
      sendMore()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    sendMore()
  })
  socket.terminate()
}

function idOf(data: Uint8Array): number {
  const reply = decodeMessage(streamReplySchema, new Uint8Array(data), maxStreamReplyBytes)
  return reply.ok ? Number(reply.value.id) : -1
}

async function send(inFlight: number, mayBreak = false): Promise<Sent> {
  const batches = prepared
  prepared = []
  const latenciesMs: number[] = []
  const cpu = process.cpuUsage()
  const startedAtMs = Date.now()
  const socket = await connect().catch((cause) => {
    if (!mayBreak) throw cause
  })
  const note = (batch: Prepared) => latenciesMs.push(performance.now() - batch.sentAtMs)
  if (socket !== undefined) await exchange(socket, batches, inFlight, note)
  const endedAtMs = Date.now()
  const { user, system } = process.cpuUsage(cpu)
  const answered = batches.filter(({ reply }) => reply !== undefined)
  const wrong: string[] = []
  let credited = 0
  for (const batch of answered) {
    const why = whyWrong(batch)
    if (why !== undefined) wrong.push(why)
    else credited += batch.changed.filter((isChanged) => !isChanged).length
    batch.provider.answered = batch
    if (batch.provider.open === batch) batch.provider.open = undefined
  }
  const [firstWrong] = wrong
  return {
    answered: answered.length,
    unanswered: batches.length - answered.length,
    credited,
    wrong: wrong.length,
    ...(firstWrong === undefined ? {} : { firstWrong }),
    startedAtMs,
    endedAtMs,
    cpuSeconds: (user + system) / 1e6,
    latenciesMs,
  }
}

/** What an answer must be, to the last figure; undefined where it is that. */
function whyWrong(batch: Prepared): string | undefined {
  const decoded = decodeMessage(streamReplySchema, new Uint8Array(batch.reply ?? []), maxStreamReplyBytes)
  if (!decoded.ok) return decoded.refusal.code
  const { reply } = decoded.value
  if (reply.kind !== 'answered') return reply.kind === 'refused' ? reply.code : reply.kind
  const opened = openContent(crypto, domain(), batchAnswerContent, reply.answer, where.operator)
  if (!opened.ok) return opened.refusal.code
  const { promise, verdicts, digest } = opened.value
  if (digest !== batch.digest) return 'digest of another batch'
  if (verdicts.length !== batch.changed.length) return 'verdicts missing'
  const unlike = verdicts.findIndex(
    ({ code, delta }, at) =>
      code !== (batch.changed[at] ? 'promise-wrong-signer' : undefined) || delta !== (batch.changed[at] ? 0n : step),
  )
  if (unlike >= 0) {
    return `${batch.changed[unlike] ? 'changed' : 'good'} promise: ${verdicts[unlike]?.code ?? 'accepted'}`
  }
  const { provider, amount, hashlock, epoch, signature } = promise
  if (provider !== batch.provider.address || epoch !== batch.epoch || hashlock !== batch.hashlock)
    return 'promise of another'
  if (amount !== batch.amount) return `amount ${amount} instead of ${batch.amount}`
  const signer = crypto.recover(hashTypedData(crypto, domain(), accountantPromiseStruct, promise), signature)
  return signer === where.operator ? undefined : 'promise not signed'
}

/** A batch that was under way may be answered now or never was: either way it shows what the accountant knew before. */
async function askAgain(): Promise<Done> {
  const again = providers.flatMap(({ open, answered }) => open ?? answered ?? [])
  const before = new Map(again.map((batch) => [batch, batch.reply]))
  for (const batch of again) batch.reply = undefined
  await exchange(await connect(), again, 64, () => {})
  const lost = again.flatMap((batch) => {
    const first = before.get(batch)
    if (batch.reply === undefined) return 'no answer'
    const same = first === undefined || equalBytes(first, batch.reply)
    return whyWrong(batch) ?? (same ? [] : 'another answer')
  })
  for (const { provider } of again) provider.open = undefined
  for (const batch of again) batch.provider.answered = batch
  const [firstLost] = lost
  return { asked: again.length, lost: lost.length, ...(firstLost === undefined ? {} : { firstLost }) }
}

/** Each costs the other side a look at its signature; nothing is credited for it. */
async function flood(forMs: number): Promise<Done> {
  const frames = providers.flatMap(({ answered }) => answered?.frame ?? [])
  const socket = await connect()
  let [sent, replies] = [0, 0]
  const sendMore = () => {
    while (sent - replies < floodInFlight) socket.send(frames[sent++ % frames.length] as Uint8Array)
  }
  socket.on('message', () => {
    replies += 1
    setImmediate(sendMore)
  })
  sendMore()
  await new Promise((resolve) => setTimeout(resolve, forMs))
  socket.terminate()
  return { flooded: replies }
}
/** All that one connection may leave unanswered. */
const floodInFlight = 256

async function run(task: Task): Promise<Done> {
  switch (task.kind) {
    case 'open':
      where = task.where
      return { channels: open(task.share) }
    case 'sign':
      prepared = Array.from({ length: task.batches }, () => signBatch(task.items))
      return { signed: prepared.length }
    case 'send':
      return { sent: await send(task.inFlight, task.mayBreak) }
    case 'ask-again':
      return askAgain()
    case 'flood':
      return flood(task.forMs)
    case 'close':
      setImmediate(() => process.disconnect())
      return { closed: true }
  }
}

assert(process.send !== undefined, 'a generator is a child process')
process.on('message', (task: Task) => {
  run(task).then(
    (done) => process.send?.(done),
    (bug: Error) => {
      console.error(bug)
      process.exit(1)
    },
  )
})
