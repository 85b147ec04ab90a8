/**
 * Faucet: MYST for whoever asks, on networks whose token anybody can draw from, and nowhere else.
 *
 * One gift a day for each address that is given to, so many a day for each that asks, and so many in all. A gift is durable
 * before it is sent, and asking again the same day answers with the same one.
 *
 * @module
 */

import { type Call, type Endpoints, isTestToken } from '@myst/chain'
import { testMystTokenAbi } from '@myst/contracts'
import { createBuckets } from '@myst/program'
import {
  type Address,
  accept,
  address,
  type Bytes32,
  type Crypto,
  concatBytes,
  Fault,
  field,
  fromHex,
  message,
  refuse,
  type TransactorState,
  toHex,
  transactorStateSchema,
  uint,
  uintToBytes,
  type Verdict,
} from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import type { DayBook } from './day-book.ts'
import type { Quoter } from './quoter.ts'
import type { Job, JobEnd, Runner } from './runner.ts'

export type FaucetRefusal =
  | { readonly code: 'faucet-off' }
  | { readonly code: 'address-quota' }
  | { readonly code: 'losses-high' }
  | { readonly code: 'faucet-empty'; readonly perDay: number }
  | { readonly code: 'too-many-waiting' }

export interface Gift {
  readonly to: Address
  /** MYST, base units. */
  readonly amount: bigint
  readonly state: TransactorState
}

export interface Faucet {
  /**
   * Answers at once: the gift is on its way, or was given.
   *
   * @throws Fault `chain-unreachable`, `chain-disagrees`, `faucet-not-test-network`.
   */
  give(to: Address, address: string): Promise<Verdict<FaucetRefusal, Gift>>
  stateOf(id: Bytes32): TransactorState | undefined
  /** @throws Fault `faucet-not-test-network`, `chain-unreachable`, `chain-disagrees`. */
  check(): Promise<void>
  leftToday(): number
}

export interface FaucetOptions {
  readonly token: Address
  /** Of each gift: MYST, base units. */
  readonly amount: bigint
  readonly perDay: number
  readonly perAddressPerDay: number
  readonly maxLostPerDay: bigint
}

export interface FaucetDeps {
  readonly crypto: Crypto
  readonly endpoints: Endpoints
  readonly store: RecordStore
  readonly runner: Runner
  readonly quoter: Quoter
  readonly dayBook: DayBook
  readonly now: () => number
}

const dayMs = 86_400_000
const dayHours = 24

const giftTable = table(
  'gifts',
  message({ to: field(0, address), day: field(1, uint(53)), state: field(2, transactorStateSchema) }),
)

export function createFaucet(deps: FaucetDeps, options: FaucetOptions): Faucet {
  const { crypto, store, runner, quoter, dayBook, now } = deps
  const { amount, perDay, perAddressPerDay } = options
  const known = giftTable.load(store)
  const addresses = createBuckets({ burst: perAddressPerDay, perHour: perAddressPerDay / dayHours })
  let checked = false

  const today = () => BigInt(Math.floor(now() / dayMs))
  const idOf = (to: Address) => toHex(crypto.keccak256(concatBytes(fromHex(to), uintToBytes(today()))))

  async function check(): Promise<void> {
    if (checked) return
    const { endpoints } = deps
    if (!(await endpoints.agree('the token', (client) => isTestToken(client, options.token)))) {
      throw new Fault('faucet-not-test-network', { token: options.token, chainId: endpoints.chainId })
    }
    checked = true
  }

  function jobOf(id: Bytes32, to: Address): Job {
    const record = (state: TransactorState) => {
      const gift = { to, day: today(), state }
      known.set(id, gift)
      return [giftTable.put(id, gift)]
    }
    return {
      id,
      owner: `faucet ${to}`,
      toSend: {
        to: options.token,
        abi: testMystTokenAbi,
        name: 'faucet',
        args: [to, amount],
      } satisfies Call<typeof testMystTokenAbi, 'faucet'>,
      // Test networks have no gas worth saving; a price gone mad waits all the same.
      pays: quoter.nativeOf(quoter.lastFee('register')),
      laterGas: 0n,
      deadline: BigInt(Math.trunc((now() + dayMs) / 1000)),
      wasSent: false,
      writesAgain: () => [],
      writes(end: JobEnd) {
        if (end.kind === 'mined') {
          return record({ id, status: 'mined', ...(end.hash === undefined ? {} : { hash: end.hash }) })
        }
        known.delete(id)
        return [giftTable.remove(id)]
      },
      ended() {},
    }
  }

  for (const { to, state } of known.values()) {
    if (state.status === 'waiting') runner.add(jobOf(state.id, to))
  }

  return {
    check,
    async give(to, who) {
      await check()
      const id = idOf(to)
      const before = known.get(id)
      if (before !== undefined) return accept({ to, amount, state: before.state })
      if (!addresses.take(who, now())) return refuse({ code: 'address-quota' })
      if (dayBook.today().lost >= options.maxLostPerDay) return refuse({ code: 'losses-high' })
      await quoter.quote('register')
      const meanwhile = known.get(id)
      if (meanwhile !== undefined) return accept({ to, amount, state: meanwhile.state })
      if (dayBook.today().given >= perDay) return refuse({ code: 'faucet-empty', perDay })
      const job = jobOf(id, to)
      if (runner.hasRoom(job.owner) !== 'queued') return refuse({ code: 'too-many-waiting' })
      const gift = { to, day: today(), state: { id, status: 'waiting' as const } }
      const old = [...known].filter(([, { day, state }]) => day < today() - 1n && state.status !== 'waiting')
      store.commit([
        giftTable.put(id, gift),
        ...dayBook.add({ given: 1 }),
        ...old.map(([oldId]) => giftTable.remove(oldId)),
      ])
      for (const [oldId] of old) known.delete(oldId)
      known.set(id, gift)
      runner.add(job)
      return accept({ to, amount, state: gift.state })
    },
    stateOf: (id) => known.get(id)?.state,
    leftToday: () => Math.max(0, perDay - dayBook.today().given),
  }
}
