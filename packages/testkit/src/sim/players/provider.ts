/**
 * Bob: the node's provider shells, with a life that may end at any commit.
 *
 * @module
 */

import { type ExchangeDesk, openExchangeDesk } from '@myst/billing'
import type { Link } from '@myst/link'
import { createProvider, isExitPending, type Provider } from '@myst/node/payment-shells'
import { type Address, Fault, type Proposal } from '@myst/protocol'
import { chainClientOf } from '../chain-doors.ts'
import { createDisk, type Disk } from '../disk.ts'
import { nature, type Process } from '../virtual-time.ts'
import { clockOf, keysOf, type Party, proposalOf, serviceType, type World } from '../world.ts'
import type { AccountantParty } from './accountant.ts'

export interface ProviderParty extends Party {
  readonly disk: Disk
  readonly proposal: Proposal
  readonly desk: ExchangeDesk | undefined
  /** What it could settle with, also after it fell silent. */
  newest(): ReturnType<ExchangeDesk['newest']>
  /** It keeps its last preimage back and is heard of no more, until it settles. */
  withhold(): void
  readonly withheld: boolean
  /** All is exchanged that can be. */
  flush(): Promise<void>
}

/** After the accountant could not be asked for a first epoch. */
const openAgainMs = 3_000
/** W21: who knows its epoch starts without accountant and chain, and takes no longer than this. */
const startsWithinMs = 5_000

/** What a cheat makes of its links: it rewrites what passes. */
export type Rewrite = (link: Link) => Link

export function createProviderParty(
  world: World,
  number: number,
  accountant: AccountantParty,
  rewrite?: Rewrite,
): ProviderParty {
  const { crypto, profile, policy, network, tunnels } = world
  const keys = keysOf(crypto, number)
  const name = `provider-${number}`
  const eyes = { crypto, client: chainClientOf(world.chain) }
  const disk = createDisk(world.backups)
  const host = `198.51.${number}.1`
  let process: Process = { name, alive: false, bornAtMs: 0 }
  let desk: ExchangeDesk | undefined
  let provider: Provider | undefined
  let kept: ReturnType<ExchangeDesk['newest']>
  let withheld = false

  /** Who knows its epoch starts without the accountant, and without the chain (W21). */
  function expectStart(life: Process): void {
    world.time.after(startsWithinMs, nature, () => {
      if (life.alive && desk === undefined) world.oracle.violate('W21', `${name} does not start`)
    })
  }

  async function live(life: Process): Promise<void> {
    const clock = clockOf(world, party)
    if (disk.holds('exchange')) expectStart(life)
    const store = disk.open(life)
    const log = (line: string) => world.log(`${name}: ${line}`)
    const service = { offer: tunnels.offer(), prices: new Map([[1n, world.price]]) }
    const node = network.node(life, keys.transportSeed, host)
    let opened: ExchangeDesk
    try {
      opened = await openExchangeDesk(
        {
          crypto,
          clock,
          store,
          client: accountant.clientOf(life, keys.identity),
          onOutcomes: (outcomes) => provider?.credited(outcomes),
          feeRate: async () => accountant.feeRate,
          operator: async () => accountant.operator,
          isLeaving: (consumer) => isExitPending(eyes, profile, { consumer, accountant: world.accountant }),
          promisedBefore: (agreementId) => provider?.promisedBefore(agreementId) ?? 0n,
          random: () => world.random.next(),
          log,
        },
        {
          keys,
          chainId: profile.chainId,
          contracts: profile.contracts,
          accountant: { address: world.accountant, operator: accountant.operator, url: '' },
          policy: policy.exchange,
          feeLimit: policy.feeLimit,
          unprovedRefusals: policy.unprovedRefusals,
        },
      )
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      log(fault.message)
      world.time.after(openAgainMs, life, () => live(life))
      return
    }
    if (!life.alive) return
    desk = opened
    const desks = new Map<Address, ExchangeDesk>([[world.accountant, opened]])
    provider = createProvider(
      {
        crypto,
        clock,
        store,
        desks: () => desks,
        serviceOf: (type) => (type === serviceType ? service : undefined),
        onSession() {},
        log,
      },
      { keys, profile, policy },
    )
    node.onLink((link) => provider?.welcome(rewrite?.(link) ?? link))
  }

  const party: ProviderParty = {
    name,
    keys,
    identity: keys.identity,
    honest: rewrite === undefined,
    wallErrorMs: 0,
    disk,
    proposal: proposalOf(world, keys.identity, keys.transportSeed),
    get process() {
      return process
    },
    get desk() {
      return desk
    },
    get withheld() {
      return withheld
    },
    newest: () => desk?.newest() ?? kept,
    withhold() {
      kept = desk?.newest()
      withheld = true
      party.crash()
    },
    crash() {
      if (!process.alive) return
      process.alive = false
      process.diedAtMs = world.time.nowMs
      desk = undefined
      provider = undefined
    },
    restart() {
      if (process.alive || withheld) return
      const life: Process = { name, alive: true, bornAtMs: world.time.nowMs }
      process = life
      world.time.after(0, life, () => live(life))
    },
    async finish() {
      await provider?.close()
    },
    async flush() {
      await desk?.flush()
    },
  }
  return party
}
