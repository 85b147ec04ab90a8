/**
 * Measures the exchange: short stretches of load, and between them what the machine can do at all.
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import type { Crypto } from '@myst/protocol'
import { type Generator, startGenerator } from './children.ts'
import type { Sent } from './generator.ts'
import type { Peer } from './peers.ts'
import { openWorld } from './world.ts'

export interface ExchangeSize {
  /** One of 127.0.0.0/8. */
  readonly host: string
  readonly generators: number
  readonly providers: number
  readonly consumers: number
  /** In a batch. */
  readonly items: number
  readonly stretches: number
  /** In one stretch. */
  readonly promises: number
  /** Promises in a batch, each measured for one stretch of at most so many batches. */
  readonly curve: readonly number[]
  readonly curveBatches: number
  readonly nodeArgs?: readonly string[]
  /** Restarts the accountant in between, in order. */
  readonly withFairness: boolean
}

export interface CurvePoint {
  readonly items: number
  readonly promisesPerSecond: number
  readonly batchesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface ExchangeFigures {
  /** Credited while the clock ran; every answer was opened and checked. */
  readonly promises: number
  /** Those, and the changed ones among them that were refused for their signature. */
  readonly recovered: number
  readonly promisesPerSecond: number
  readonly batchesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly asked: number
  /** Batches of the load that the kill fell into. */
  readonly atKill: { readonly answered: number; readonly unanswered: number }
  /** After the kill, until it answers. */
  readonly restartSeconds: number
  readonly lostAfterKill: number
  readonly cores: number
  readonly recoverPerSecondPerCore: number
  readonly signPerSecondPerCore: number
  readonly limitPerSecond: number
  readonly ratio: number
  readonly generatorCpuSeconds: number
  /** While the clock ran, all threads. */
  readonly accountantCpuSeconds: number
  readonly accountantMib: number
  /** Written to disk for one promise. */
  readonly perPromiseBytes: number
  /** Processor time for one promise: of all threads, and of the one that decides. */
  readonly perPromiseUs: { readonly all: number; readonly ledger: number }
  /** Not measured: what follows from those where there are more cores. */
  readonly extrapolated: Extrapolated
  readonly peers: readonly Peer[]
  readonly curve: readonly CurvePoint[]
  readonly fairness?: Fairness
}

/** What one identity's answers take, by itself, and while another one sends all that it can. Three rounds, alternating. */
export interface Fairness {
  readonly aloneP99Ms: number
  readonly besideFloodP99Ms: number
  readonly floodedPerSecond: number
}

export interface Extrapolated {
  /** One ledger is decided by one thread. */
  readonly perLedgerPerSecond: number
  readonly coresForOneLedger: number
  /** Accountants, each with its own contract and its own providers. */
  readonly ledgersFor100k: number
  readonly coresFor100k: number
}

interface Stretch {
  readonly answered: number
  readonly credited: number
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly latenciesMs: readonly number[]
}

/** @throws where an answer is not what its batch asked for: then there is nothing to measure. */
export async function measureExchange(
  crypto: Crypto,
  size: ExchangeSize,
  say: (line: string) => void,
  measurePeers: (() => Promise<readonly Peer[]>) | undefined = undefined,
): Promise<ExchangeFigures> {
  await using stack = new AsyncDisposableStack()
  const generators = Array.from({ length: size.generators }, () => startGenerator())
  stack.defer(async () => void (await Promise.all(generators.map((generator) => generator.close()))))
  const world = await openWorld(crypto, size.host, size.nodeArgs ?? [])
  stack.defer(world.close)

  say(`${size.providers} providers, ${size.consumers} consumers with money on their channels …`)
  const shares = await each(generators, (generator, index) =>
    generator.ask<{ channels: readonly `0x${string}`[] }>({
      kind: 'open',
      where: world.where,
      share: { index, of: generators.length, providers: size.providers, consumers: size.consumers },
    }),
  )
  await world.fund(shares.flatMap(({ channels }) => channels))
  let accountant = await world.startAccountant()
  stack.defer(() => accountant.close())

  const sign = (batches: number, items: number) =>
    each(generators, (generator) =>
      generator.ask({ kind: 'sign', batches: Math.ceil(batches / generators.length), items }),
    )
  /** The accountant looks at each channel once. */
  const items = Math.ceil(size.consumers / size.providers)
  await sign(size.providers, items)
  const warm = await stretch(generators, 64)
  say(`every channel was looked at in ${warm.wallSeconds.toFixed(1)} s`)

  const stretches: Stretch[] = []
  const pure: Pure[] = []
  const peers: (readonly Peer[])[] = []
  let [accountantCpuSeconds, ledgerCpuSeconds, written] = [0, 0, 0]
  for (let round = 0; round < size.stretches; round++) {
    await sign(size.promises / size.items, size.items)
    pure.push(measurePure(crypto))
    if (measurePeers !== undefined) peers.push(await measurePeers())
    const before = await accountant.cpuSeconds()
    const writtenBefore = await accountant.writtenBytes()
    stretches.push(await stretch(generators, inFlightOf(size.items)))
    const after = await accountant.cpuSeconds()
    accountantCpuSeconds += after.all - before.all
    ledgerCpuSeconds += after.ledger - before.ledger
    written += (await accountant.writtenBytes()) - writtenBefore
    say(`${rate(stretches.at(-1) as Stretch).toFixed(0)} promises a second`)
  }
  const accountantMib = await accountant.residentMib()

  const curve: CurvePoint[] = []
  for (const items of size.curve) {
    // The first batch of another size reveals one of the last size: that is not what is measured.
    await sign(size.providers, items)
    await stretch(generators, inFlightOf(items))
    await sign(Math.min(size.curveBatches, Math.ceil(size.promises / items)), items)
    const measured = await stretch(generators, inFlightOf(items))
    curve.push({
      items,
      promisesPerSecond: rounded(rate(measured)),
      batchesPerSecond: rounded(measured.answered / measured.wallSeconds),
      ...percentiles(measured.latenciesMs),
    })
    say(`${items} promises a batch: ${curve.at(-1)?.promisesPerSecond} a second`)
  }

  let fairness: Fairness | undefined
  if (size.withFairness) {
    say('one provider beside a flood of another identity …')
    await accountant.close()
    accountant = await world.startAccountant('usual limits')
    fairness = await measureFairness(generators[0] as Generator, generators[1] as Generator)
    await accountant.close()
    accountant = await world.startAccountant()
  }

  say('kill -9 under load, and every answered batch asked for again …')
  await sign(size.providers, size.items)
  const sending = send(generators, { inFlight: inFlightOf(size.items), mayBreak: true })
  // In the middle: about half of the providers are answered by then.
  const halfMs = (500 * size.providers * size.items) / median(stretches.map(rate))
  await Promise.race([new Promise((resolve) => setTimeout(resolve, halfMs)), sending])
  await accountant.kill()
  const broken = await sending
  const atKill = {
    answered: sum(broken.map(({ answered }) => answered)),
    unanswered: sum(broken.map(({ unanswered }) => unanswered)),
  }
  say(`${atKill.answered} batches were answered before it, ${atKill.unanswered} were not`)
  const startedAtMs = performance.now()
  accountant = await world.startAccountant()
  const restartSeconds = (performance.now() - startedAtMs) / 1000
  const asked = await each(generators, (generator) =>
    generator.ask<{ asked: number; lost: number; firstLost?: string }>({ kind: 'ask-again' }),
  )
  const firstLost = asked.find(({ lost }) => lost > 0)?.firstLost
  if (firstLost !== undefined) say(`lost: ${firstLost}`)

  const cores = availableParallelism()
  const recoverPerSecondPerCore = median(pure.map(({ recover }) => recover))
  const signPerSecondPerCore = median(pure.map(({ sign }) => sign))
  const wallSeconds = sum(stretches.map((one) => one.wallSeconds))
  const generatorCpuSeconds = sum(stretches.map(({ cpuSeconds }) => cpuSeconds))
  // A promise is one recovery; its batch, one more and two signatures.
  const promiseSeconds =
    1 / recoverPerSecondPerCore + (1 / recoverPerSecondPerCore + 2 / signPerSecondPerCore) / size.items
  const limitPerSecond = (cores * wallSeconds - generatorCpuSeconds) / wallSeconds / promiseSeconds
  const promisesPerSecond = median(stretches.map(rate))
  const recovered = sum(stretches.map(({ answered }) => answered * size.items))
  return {
    promises: sum(stretches.map(({ credited }) => credited)),
    recovered,
    promisesPerSecond: rounded(promisesPerSecond),
    batchesPerSecond: rounded(median(stretches.map((one) => one.answered / one.wallSeconds))),
    ...percentiles(stretches.flatMap(({ latenciesMs }) => latenciesMs)),
    asked: sum(asked.map((one) => one.asked)),
    restartSeconds: Math.round(10 * restartSeconds) / 10,
    atKill,
    lostAfterKill: sum(asked.map(({ lost }) => lost)),
    cores,
    recoverPerSecondPerCore: rounded(recoverPerSecondPerCore),
    signPerSecondPerCore: rounded(signPerSecondPerCore),
    limitPerSecond: rounded(limitPerSecond),
    ratio: Math.round((1000 * promisesPerSecond) / limitPerSecond) / 1000,
    generatorCpuSeconds: Math.round(100 * generatorCpuSeconds) / 100,
    accountantCpuSeconds: Math.round(100 * accountantCpuSeconds) / 100,
    accountantMib,
    perPromiseUs: {
      all: rounded((1e6 * accountantCpuSeconds) / recovered),
      ledger: rounded((1e6 * ledgerCpuSeconds) / recovered),
    },
    extrapolated: extrapolate(accountantCpuSeconds / recovered, ledgerCpuSeconds / recovered),
    perPromiseBytes: rounded(written / recovered),
    peers: mediansOf(peers),
    curve,
    ...(fairness === undefined ? {} : { fairness }),
  }
}

function extrapolate(seconds: number, ledgerSeconds: number): Extrapolated {
  const perLedgerPerSecond = 1 / ledgerSeconds
  return {
    perLedgerPerSecond: rounded(perLedgerPerSecond),
    coresForOneLedger: Math.ceil(perLedgerPerSecond * seconds),
    ledgersFor100k: Math.ceil(100_000 / perLedgerPerSecond),
    coresFor100k: Math.ceil(100_000 * seconds),
  }
}

/**
 * As many promises under way as an accountant at the goal takes 40 ms for: enough that two cores always have work. More of them
 * only wait, which the goal for the worst of a hundred would count: `docs/decisions/0011-exchange-speed.md` has four, six, eight and twelve
 * batches side by side. Never fewer than two batches for each core.
 */
const inFlightOf = (items: number): number =>
  Math.min(256, Math.max(2 * availableParallelism(), Math.round(384 / items)))

/** What was signed; where the connection breaks, as far as that. @throws where an answer is wrong. */
async function send(
  generators: readonly Generator[],
  { inFlight, mayBreak = false }: { readonly inFlight: number; readonly mayBreak?: boolean },
): Promise<readonly Sent[]> {
  const ownInFlight = Math.ceil(inFlight / generators.length)
  const sent = await each(generators, async (generator) => {
    return (await generator.ask<{ sent: Sent }>({ kind: 'send', inFlight: ownInFlight, mayBreak })).sent
  })
  const firstWrong = sent.find(({ wrong }) => wrong > 0)?.firstWrong
  if (firstWrong !== undefined) throw new Error(`an answer is wrong: ${firstWrong}`)
  return sent
}

/** @throws also where an answer is missing. */
async function stretch(generators: readonly Generator[], inFlight: number): Promise<Stretch> {
  const sent = await send(generators, { inFlight })
  const unanswered = sum(sent.map((one) => one.unanswered))
  if (unanswered > 0) throw new Error(`${unanswered} batches have no answer`)
  return {
    answered: sum(sent.map(({ answered }) => answered)),
    credited: sum(sent.map(({ credited }) => credited)),
    wallSeconds:
      (Math.max(...sent.map(({ endedAtMs }) => endedAtMs)) - Math.min(...sent.map(({ startedAtMs }) => startedAtMs))) /
      1000,
    cpuSeconds: sum(sent.map(({ cpuSeconds }) => cpuSeconds)),
    latenciesMs: sent.flatMap(({ latenciesMs }) => latenciesMs),
  }
}

const rate = ({ credited, wallSeconds }: Stretch): number => credited / wallSeconds

async function measureFairness(modest: Generator, flooder: Generator): Promise<Fairness> {
  const alone: number[] = []
  const beside: number[] = []
  let [flooded, floodMs] = [0, 0]
  const modestStretch = async () => {
    await modest.ask({ kind: 'sign', batches: 150, items: 8 })
    return (await stretch([modest], 2)).latenciesMs
  }
  await modestStretch()
  for (let round = 0; round < 3; round++) {
    alone.push(...(await modestStretch()))
    const forMs = 3000
    const flooding = flooder.ask<{ flooded: number }>({ kind: 'flood', forMs })
    beside.push(...(await modestStretch()))
    flooded += (await flooding).flooded
    floodMs += forMs
  }
  return {
    aloneP99Ms: percentiles(alone).p99Ms,
    besideFloodP99Ms: percentiles(beside).p99Ms,
    floodedPerSecond: rounded((1000 * flooded) / floodMs),
  }
}

interface Pure {
  readonly recover: number
  readonly sign: number
}

/** On one core, doing nothing else. */
function measurePure(crypto: Crypto): Pure {
  const key = new Uint8Array(32).fill(7)
  const hashes = Array.from({ length: 64 }, (_, index) => new Uint8Array(32).fill(index + 1))
  const signatures = hashes.map((hash) => crypto.sign(hash, key))
  return {
    recover: perSecond((at) => crypto.recover(hashes[at % 64] as Uint8Array, signatures[at % 64] as Uint8Array)),
    sign: perSecond((at) => crypto.sign(hashes[at % 64] as Uint8Array, key)),
  }
}

const pureMs = 250

export function perSecond(once: (at: number) => unknown): number {
  const startedMs = performance.now()
  let done = 0
  let elapsedMs = 0
  do {
    for (const until = done + 64; done < until; done++) once(done)
    elapsedMs = performance.now() - startedMs
  } while (elapsedMs < pureMs)
  return (1000 * done) / elapsedMs
}

function mediansOf(rounds: readonly (readonly Peer[])[]): readonly Peer[] {
  return (rounds[0] ?? []).map((peer, at) =>
    peer.perSecond === undefined
      ? peer
      : { name: peer.name, perSecond: rounded(median(rounds.map((round) => round[at]?.perSecond ?? 0))) },
  )
}

function percentiles(latenciesMs: readonly number[]): { readonly p50Ms: number; readonly p99Ms: number } {
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  const at = (share: number) => Math.round(10 * (sorted[Math.ceil(share * sorted.length) - 1] ?? 0)) / 10
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle] ?? 0, sorted[middle] ?? 0]
  return (low + high) / 2
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const rounded = (value: number): number => Math.round(value)
const each = <T>(
  generators: readonly Generator[],
  ask: (generator: Generator, index: number) => Promise<T>,
): Promise<T[]> => Promise.all(generators.map(ask))
