/**
 * Alice: the node's consumer shells, and a person who connects, leaves, and comes back.
 *
 * @module
 */

import { adoptShown, openPayerBook, type PayerBook } from '@myst/billing'
import { type Connection, type ConnectionDeps, createConnection } from '@myst/node/payment-shells'
import { type Address, Fault, type Proposal } from '@myst/protocol'
import { capacityAt } from '../chain-doors.ts'
import { createDisk, type Disk } from '../disk.ts'
import type { Process } from '../virtual-time.ts'
import { channelOf, clockOf, keysOf, type Party, type World } from '../world.ts'
import type { AccountantParty } from './accountant.ts'

export interface ConsumerParty extends Party {
  readonly disk: Disk
  readonly channel: Address
  readonly book: PayerBook | undefined
  /** Meets this provider once, so that what a crash left on record is repeated. */
  meet(proposal: Proposal, forMs: number): Promise<void>
}

export interface Habits {
  readonly host: string
  /** Whom to connect to next; undefined: nobody for now. */
  choose(): Proposal | undefined
  sessionMs(): number
  pauseMs(): number
  readonly budget?: bigint
  /** Sessions with several providers at once. */
  readonly parallel: number
  /** A cheat's: it answers invoices as it likes. */
  readonly book?: (channel: Address) => PayerBook
  /** Leaves without a word. */
  readonly vanishes?: boolean
  /** It plays by the rules, and against somebody. */
  readonly conspires?: boolean
}

export function createConsumerParty(
  world: World,
  number: number,
  accountant: AccountantParty,
  habits: Habits,
): ConsumerParty {
  const { crypto, profile, policy, network, tunnels, chain } = world
  const keys = keysOf(crypto, number)
  const name = `consumer-${number}`
  const disk = createDisk(world.backups)
  const channel = channelOf(world, keys.identity)
  let process: Process = { name, alive: false, bornAtMs: 0 }
  let book: PayerBook | undefined
  let stopping = false
  let debtors: ConnectionDeps['debtors'] = new Set()
  const connections = new Map<Address, Connection>()

  async function meet(life: Process, proposal: Proposal, forMs: number): Promise<void> {
    const own = book
    if (own === undefined || connections.has(proposal.provider)) return
    const log = (line: string) => world.log(`${name}: ${line}`)
    const client = accountant.clientOf(life, keys.identity)
    const connection = createConnection(
      {
        crypto,
        clock: clockOf(world, party),
        linkNode: network.node(life, keys.transportSeed, habits.host),
        driver: tunnels.driver(),
        book: own,
        funds: {
          read: async () => {
            const { balance, settled } = chain.head.state.channels.get(channel) ?? { balance: 0n, settled: 0n }
            return { balance, settled, registered: true, capacity: capacityAt(chain, channel) }
          },
        } as never,
        debtors,
        capacityStatement: client.capacityStatement,
        findPath: async () => ({ kind: 'carrier' }),
        newestProposal: async () => proposal,
        onChange() {},
        log,
      },
      {
        id: name,
        keys,
        profile,
        proposal,
        accountant: world.accountant,
        channel,
        pace: policy.pace,
        ...(habits.budget === undefined ? {} : { budget: habits.budget }),
      },
    )
    connections.set(proposal.provider, connection)
    try {
      await connection.open()
      await wait(life, forMs)
      if (habits.vanishes) party.crash()
      else await connection.disconnect()
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      log(fault.message)
    } finally {
      if (connections.get(proposal.provider) === connection) connections.delete(proposal.provider)
    }
  }

  const wait = (life: Process, ms: number) =>
    new Promise<void>((resolve) => void world.time.after(ms, life, () => resolve()))

  /** As the node does before its first connection. */
  async function askFirst(life: Process): Promise<void> {
    if (book === undefined || habits.book !== undefined) return
    try {
      const asking = book
      const consumerStanding = async () => {
        const standing = await accountant.clientOf(life, keys.identity).consumerStanding()
        const shown = standing.highest?.promise.amount ?? 0n
        // From here on it has no excuse for promising what it promised before. Its other session may have promised meanwhile.
        if (accountant.honest && shown > asking.amount) world.oracle.asked(keys.identity)
        return standing
      }
      await adoptShown(
        { crypto, book: asking, consumerStanding },
        { keys, channel: { chainId: profile.chainId, channel }, restoreJump: policy.restoreJump },
      )
    } catch (fault) {
      if (book.blank) throw fault
    }
  }

  async function live(life: Process): Promise<void> {
    debtors = new Set()
    book = habits.book?.(channel) ?? openPayerBook(crypto, disk.open(life), keys, { chainId: profile.chainId, channel })
    const visits = Array.from({ length: habits.parallel }, async () => {
      while (!stopping) {
        await wait(life, habits.pauseMs())
        const proposal = stopping ? undefined : habits.choose()
        if (proposal === undefined) continue
        try {
          await askFirst(life)
          await meet(life, proposal, habits.sessionMs())
        } catch (fault) {
          if (!(fault instanceof Fault)) throw fault
        }
      }
    })
    await Promise.all(visits)
  }

  const party: ConsumerParty = {
    name,
    keys,
    identity: keys.identity,
    honest: habits.book === undefined && !habits.conspires,
    wallErrorMs: 0,
    disk,
    channel,
    get process() {
      return process
    },
    get book() {
      return book
    },
    meet: (proposal, forMs) => meet(process, proposal, forMs),
    crash() {
      if (!process.alive) return
      process.alive = false
      process.diedAtMs = world.time.nowMs
      connections.clear()
      book = undefined
    },
    restart() {
      if (process.alive) return
      const life: Process = { name, alive: true, bornAtMs: world.time.nowMs }
      process = life
      world.time.after(0, life, () => live(life))
    },
    async finish() {
      stopping = true
      const open = [...connections.values()]
      connections.clear()
      await Promise.all(open.map((connection) => connection.disconnect()))
    },
  }
  return party
}
