/**
 * One run: a world drawn from a seed, played through its faults, healed, and judged.
 *
 * @module
 */

import { type PaymentPolicy, paymentPolicy } from '@myst/billing'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  accountantPromiseStruct,
  batchAnswerContent,
  type Crypto,
  decodeMessage,
  defaultPrice,
  type ExchangeReply,
  hashTypedData,
  provesRefusal,
  signContent,
  toHex,
} from '@myst/protocol'
import { profileOf } from './chain-doors.ts'
import { maxBackups } from './disk.ts'
import { boundsOf, judge, type Losses } from './judge.ts'
import type { StoryWish } from './mistakes.ts'
import { type ChainState, calls, createModelChain, emptyChannel } from './model-chain.ts'
import { createNetwork, fairWeather } from './network.ts'
import { createOracle, type Violation } from './oracle.ts'
import { type AccountantParty, accountantNumber, createAccountantParty } from './players/accountant.ts'
import { type Changes, cheatingBook, cheatingLink, lieOf } from './players/cheats.ts'
import { type ConsumerParty, createConsumerParty } from './players/consumer.ts'
import { createProviderParty, type ProviderParty } from './players/provider.ts'
import { createRandom } from './random.ts'
import { simCrypto } from './sim-crypto.ts'
import { drawStory, type Story } from './story.ts'
import { createTunnels } from './traffic.ts'
import { createVirtualTime, nature } from './virtual-time.ts'
import { channelOf, keysOf, type Party, startMs, type World } from './world.ts'

export interface RunResult {
  readonly seed: number
  readonly steps: number
  readonly promises: number
  readonly batches: number
  readonly sessions: number
  readonly violations: readonly Violation[]
  readonly losses: Losses
  readonly bounds: Losses
}

export interface RunOptions {
  readonly draw?: StoryWish
  /** Instead of one that is drawn. */
  readonly story?: Story
  /** What becomes of the one that is drawn; chance goes on as it would have. */
  readonly change?: (story: Story) => Story
  /** So often the observers forget what is old, and what was done so far is told. */
  readonly watch?: {
    readonly everyMs: number
    look(done: { readonly sessions: number; readonly batches: number }): void
  }
  readonly log?: (line: string) => void
}

/** 10⁻³ MYST. */
const milli = 10n ** 15n

/** The defaults, but for limits that a run of minutes would never reach: each is lowered so that it bites. */
export const simPolicy = ({ minInvoiceMs, lie, quiet }: Pick<Story, 'minInvoiceMs' | 'lie' | 'quiet'>): PaymentPolicy =>
  paymentPolicy(
    1n,
    quiet
      ? {}
      : {
          minInvoiceMs,
          exposureLimit: (lie === undefined ? 60n : 4n) * milli,
          firstCreditLimits: { perPrefixPerHour: 3, perDay: 9n * milli },
          // What cheating consumers promise twice is proven, most of it, and ends no business with an honest accountant.
          unprovedRefusals: 1n * milli,
          exchange: { dueSum: 20n * milli, maxAgeMs: 20_000, maxItems: 1024 },
        },
  )

/** 20 MiB, as the payer has it: `payments.md` §5. */
const leewayBytes = 20n << 20n
const accountantAddress: Address = `0x${'ca'.repeat(20)}`
/** What the accountant's contract held before anybody settled. */
const float = 10n ** 21n
let native: Crypto | undefined
const briefMs = [1_000, 9_000] as const
const sessionMs = [5_000, 60_000] as const

export async function playRun(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const random = createRandom(seed)
  const drawn = options.story ?? drawStory(random, seed, options.draw)
  const story = options.change?.(drawn) ?? drawn
  if (story.realCurve) native ??= await loadNativeCrypto()
  const crypto = story.realCurve ? (native as Crypto) : simCrypto
  const time = createVirtualTime(random, story.leastTimerMs)
  const operator = keysOf(crypto, accountantNumber).identity
  const profile = profileOf(accountantAddress, operator, story.finality)
  const policy = simPolicy(story)
  const domain = { chainId: profile.chainId, verifyingContract: accountantAddress }
  const tunnels = createTunnels(time)
  tunnels.rate = story.bytesPerSecond
  const log = options.log === undefined ? () => {} : (line: string) => options.log?.(`${time.nowMs} ${line}`)
  const parties: Party[] = []
  const named = new Map<string, Party>()
  const byIdentity = new Map<string, Party>()

  const oracle = createOracle({
    crypto,
    domain,
    operator,
    price: defaultPrice,
    pace: policy.pace,
    feeLimit: policy.feeLimit,
    unprovedRefusals: policy.unprovedRefusals,
    isProven: (refused, { code, proof = [] }) => {
      const channel = channelOf(world, refused.consumer)
      if (code === 'promise-channel-closing') return chain.head.state.channels.get(channel)?.exitAtS !== 0n
      return provesRefusal(crypto, { chainId: profile.chainId, channel }, refused, proof)
    },
    leewayBytes,
    nowMs: () => time.nowMs,
    isHonest: (name) => named.get(name)?.honest !== false,
    isHonestIdentity: (identity) => byIdentity.get(identity)?.honest !== false,
    meterOf: tunnels.meterOf,
    capacityOf: (consumer) => {
      const { balance, settled } = chain.head.state.channels.get(channelOf(world, consumer)) ?? emptyChannel(consumer)
      return balance + settled
    },
  })
  const network = createNetwork(time, random, oracle.witness)
  const genesis: ChainState = { channels: new Map(), pool: float, settled: new Map(), short: 0n }
  const chain = createModelChain(time, random, {
    blockMs: story.blockMs,
    genesis,
    startS: BigInt(startMs / 1000),
    finality: story.finality,
  })
  const verifier = { crypto, chainId: profile.chainId, isCanonical: story.realCurve ? isContractSignature : () => true }
  const world: World = {
    time,
    random,
    network,
    chain,
    tunnels,
    crypto,
    verifier,
    profile,
    accountant: accountantAddress,
    policy,
    price: defaultPrice,
    oracle,
    log,
    backups: story.quiet ? 0 : maxBackups,
  }

  const accountant = createAccountantParty(world, {
    honest: story.lie === undefined,
    feeRate: story.feeRate,
    exitDelayS: BigInt(story.exitDelayS),
    recoveryMs: story.recoveryMs,
    minDelta: policy.minDelta,
  })
  const providers = story.providers.flatMap(({ cheat, absent }, index) =>
    absent ? [] : [createProviderParty(world, 1 + index, accountant, cheat && cheatingLink(cheat, random))],
  )
  const consumers = story.consumers.flatMap(
    ({ cheat, host, parallel, budget, balance, vanishes, exits, restless, staysMs, absent }, index) => {
      if (absent) return []
      const number = 20 + index
      const keys = keysOf(crypto, number)
      const consumer = createConsumerParty(world, number, accountant, {
        host,
        parallel,
        ...(budget === undefined ? {} : { budget }),
        ...(vanishes ? { vanishes } : {}),
        ...(exits ? { conspires: true } : {}),
        choose: () => random.pick(providers).proposal,
        sessionMs: () => random.between(...(staysMs ?? (restless ? briefMs : sessionMs))),
        pauseMs: () => random.between(100, restless ? 500 : 8_000),
        ...(cheat && {
          book: (channel: Address) => cheatingBook(cheat, { crypto, chainId: profile.chainId, keys, random }, channel),
        }),
      })
      void chain.send(nature, calls.topUp(consumer.channel, keys.identity, balance))
      return [consumer]
    },
  )
  const favoured = [...providers, ...consumers].find(({ name }) => name === story.favours)
  if (favoured !== undefined) accountant.favours = favoured.identity
  if (story.lie === 'vouches') accountant.refuses = (consumer) => consumer === favoured?.identity
  else if (story.lie === 'refuses') accountant.refuses = () => random.chance(0.5)
  else if (story.lie !== undefined) {
    accountant.lie = lieOf(story.lie, {
      random,
      resign: (reply, how) => resignReply(crypto, world, accountant, reply, how),
    })
  }
  for (const party of [accountant, ...providers, ...consumers]) {
    parties.push(party)
    named.set(party.name, party)
    byIdentity.set(party.identity, party)
  }

  scheduleFaults(world, story, { accountant, providers, consumers })
  for (const party of [accountant, ...providers, ...consumers]) party.restart()
  const { watch } = options
  const look = () => {
    oracle.forget()
    accountant.forget()
    watch?.look({ sessions: oracle.sessions.length, batches: oracle.counts.batches })
    time.after(watch?.everyMs ?? 0, nature, look)
  }
  if (watch !== undefined) time.after(watch.everyMs, nature, look)
  await time.playUntil(story.lengthMs)
  await heal(world, story, parties)
  if (story.faults.some(({ kind }) => kind === 'ledger-backup'))
    await recover(world, story, { accountant, providers, consumers })
  await part(world, story, { accountant, providers, consumers })
  const losses = judge(world, story, { accountant, providers, consumers, float })
  const { violations, sessions, counts } = oracle
  const bounds = boundsOf(world, story)
  return { seed, steps: time.steps, ...counts, sessions: sessions.length, violations, losses, bounds }
}

/** As `ECDSA.tryRecover` of the contracts: 65 bytes, s in the lower half, v 27 or 28; not by the code under test. */
function isContractSignature(signature: Uint8Array): boolean {
  const half = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
  const v = signature[64]
  const s = BigInt(toHex(signature.subarray(32, 64)))
  return signature.length === 65 && (v === 27 || v === 28) && s > 0n && s <= half
}

export interface Cast {
  readonly accountant: AccountantParty
  readonly providers: readonly ProviderParty[]
  readonly consumers: readonly ConsumerParty[]
}

function scheduleFaults(world: World, story: Story, { accountant, providers, consumers }: Cast): void {
  const { time, random, network, chain } = world
  const { weather } = network
  const at = (atMs: number, work: () => unknown) => time.after(atMs, nature, work)
  const ofName = (name: string) => [accountant, ...providers, ...consumers].find((party) => party.name === name)
  for (const fault of story.faults) {
    switch (fault.kind) {
      case 'weather':
        at(fault.atMs, () => Object.assign(weather, fault.weather))
        at(fault.atMs + fault.forMs, () => Object.assign(weather, { ...fairWeather(), cutOff: weather.cutOff }))
        break
      case 'cut-off':
        at(fault.atMs, () => weather.cutOff.add(fault.who))
        at(fault.atMs + fault.forMs, () => weather.cutOff.delete(fault.who))
        break
      case 'crash':
        at(fault.atMs, () => {
          const party = ofName(fault.who)
          if (party === undefined || !party.process.alive) return
          world.log(`${party.name} crashes`)
          const disk = 'disk' in party ? (party.disk as { strike: unknown }) : undefined
          const die = () => party.crash()
          if (fault.atCommit === undefined || disk === undefined) die()
          else disk.strike = { takesEffect: fault.atCommit === 'after', strikes: die }
        })
        at(fault.atMs + fault.forMs, () => {
          const party = ofName(fault.who)
          if (party === undefined) return
          // Nothing was written: it lived on.
          if ('disk' in party) (party.disk as { strike: unknown }).strike = undefined
          party.restart()
        })
        break
      case 'old-backup':
        at(fault.atMs, () => {
          const party = [...providers, ...consumers].find(({ name }) => name === fault.who)
          if (party === undefined || !party.honest) return
          party.crash()
          if (party.disk.restore(fault.commitsAgo)) {
            world.log(`${party.name} gets an old backup`)
            world.oracle.restored(party.identity)
          }
          party.restart()
        })
        break
      case 'ledger-backup':
        at(fault.copiedAtMs, () => accountant.disk.backUp())
        at(fault.atMs, () => {
          world.log(`the accountant's ledger is ${fault.atMs - fault.copiedAtMs} ms old`)
          accountant.crash()
          accountant.disk.strike = undefined
          accountant.disk.restore()
          world.oracle.ledgerRestored(
            (provider) => providers.find(({ identity }) => identity === provider)?.newest()?.promise.epoch,
          )
          accountant.restart()
        })
        break
      case 'clock':
        at(fault.atMs, () => {
          const party = ofName(fault.who)
          if (party !== undefined) party.wallErrorMs = fault.byMs
        })
        at(fault.atMs + fault.forMs, () => {
          const party = ofName(fault.who)
          if (party !== undefined) party.wallErrorMs = 0
        })
        break
      case 'reorg':
        at(fault.atMs, () => chain.reorg(fault.blocks))
        break
      case 'chain-away':
        at(fault.atMs, () => {
          chain.away = true
        })
        at(fault.atMs + fault.forMs, () => {
          chain.away = false
        })
        break
      case 'fleeting-top-up':
        at(fault.atMs, () => {
          const consumer = consumers.find(({ name }) => name === fault.who)
          if (consumer === undefined) return
          void chain.send(nature, calls.topUp(consumer.channel, consumer.identity, fault.amount, true))
          time.after(story.blockMs + 1, nature, () => chain.reorg(Math.max(1, story.finality - 1)))
        })
        break
      case 'withhold-and-exit':
        at(fault.atMs, () => {
          const consumer = consumers.find(({ name }) => name === fault.consumer)
          const provider = providers.find(({ name }) => name === fault.provider)
          if (consumer === undefined || provider === undefined) return
          provider.withhold()
          void chain.send(nature, calls.requestExit(consumer.channel, BigInt(story.exitDelayS)))
          const finalize = () => void chain.send(nature, calls.finalizeExit(consumer.channel))
          time.after(story.exitDelayS * 1000 + 3 * story.blockMs, nature, finalize)
        })
        break
    }
  }
  void random
}

/** The faults are over: everybody lives, and everything arrives. */
async function heal({ time, network, chain }: World, { blockMs }: Story, parties: readonly Party[]): Promise<void> {
  Object.assign(network.weather, { ...fairWeather(), cutOff: network.weather.cutOff })
  network.weather.cutOff.clear()
  chain.away = false
  for (const party of parties) {
    party.wallErrorMs = 0
    if ('disk' in party) (party.disk as { strike: unknown }).strike = undefined
    if (party.honest) party.restart()
  }
  await time.playUntil(time.nowMs + 4 * blockMs)
}

/**
 * The accountant's recovery comes to its end. Providers look a minute after their start, and then each hour: here all of them
 * start anew, so that each has looked.
 */
async function recover({ time, oracle }: World, { recoveryMs }: Story, { accountant, providers }: Cast): Promise<void> {
  for (const provider of providers) {
    provider.crash()
    provider.restart()
  }
  const untilMs = time.nowMs + recoveryMs + 10_000
  while (accountant.recovering && time.nowMs < untilMs) await time.playUntil(time.nowMs + 1_000)
  if (accountant.recovering) oracle.violate('live', 'the recovery does not end')
}

/** Sessions end politely, what is on record is repeated, everything is exchanged, settled and collected. */
async function part(world: World, story: Story, { accountant, providers, consumers }: Cast): Promise<void> {
  const { time, chain } = world
  // What is exchanged and settled waits for blocks.
  const spent = (ms: number) => time.playUntil(time.nowMs + ms * (story.blockMs / 2_000))
  for (const consumer of consumers) void consumer.finish()
  await spent(15_000)
  // Whoever has a promise on record for a provider repeats it when they meet.
  for (const provider of providers) {
    for (const consumer of consumers) {
      if (!consumer.honest || !(consumer.book?.recorded(provider.identity).length ?? 0)) continue
      time.after(0, consumer.process, () => void consumer.meet(provider.proposal, 4_000))
    }
    await spent(8_000)
  }
  for (const provider of providers) time.after(0, provider.process, () => void provider.finish())
  await spent(35_000)
  for (const provider of providers) time.after(0, provider.process, () => void provider.flush())
  await spent(12_000)
  for (const provider of providers) {
    const newest = provider.newest()
    if (newest === undefined || !isSettleable(world, accountant, newest.promise)) continue
    chain.show(provider.identity, newest.preimage)
    void chain.send(nature, calls.settleProvider(provider.identity, newest.promise.amount))
  }
  await spent(5_000)
  let collecting = accountant.process.alive
  const collect = async () => {
    await accountant.collectAll()
    collecting = false
  }
  time.after(0, accountant.process, () => void collect())
  await spent(8_000)
  // A transaction settles some of the channels, and the next is sent when it is mined.
  for (let blocks = 0; collecting && blocks < consumers.length; blocks++) await spent(2_000)
}

function isSettleable(
  { crypto, profile, accountant: verifyingContract }: World,
  { operator }: AccountantParty,
  {
    provider,
    amount,
    hashlock,
    signature,
  }: { provider: Address; amount: bigint; hashlock: `0x${string}`; signature: Uint8Array },
): boolean {
  const domain = { chainId: profile.chainId, verifyingContract }
  const hash = hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock })
  return crypto.recover(hash, signature) === operator
}

function resignReply(
  crypto: Crypto,
  world: World,
  accountant: AccountantParty,
  reply: ExchangeReply,
  { amountLess = 0n, hashlock, spoil }: Changes,
): ExchangeReply {
  if (reply.kind === 'refused') return reply
  const decoded = decodeMessage(batchAnswerContent.schema, reply.answer.content, batchAnswerContent.maxBytes)
  if (!decoded.ok) return reply
  const domain = { chainId: world.profile.chainId, verifyingContract: world.accountant }
  const { promise, verdicts, ...answer } = decoded.value
  const { privateKey } = accountant.keys
  const amount = promise.amount - (promise.amount > amountLess ? amountLess : 0n)
  const changed = { provider: promise.provider, amount, hashlock: hashlock ?? promise.hashlock }
  const hash = hashTypedData(crypto, domain, accountantPromiseStruct, changed)
  const signature = crypto.sign(hash, spoil ? keysOf(crypto, 99).privateKey : privateKey)
  const signed = signContent(
    crypto,
    domain,
    batchAnswerContent,
    {
      ...answer,
      promise: { ...changed, epoch: promise.epoch, signature },
      verdicts,
    },
    privateKey,
  )
  return { kind: reply.kind, answer: signed }
}
