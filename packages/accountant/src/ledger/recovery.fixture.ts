/**
 * Stories of providers and consumers against a ledger, and what providers keep of them, for the tests of recovery.
 *
 * @module
 */

import {
  type Address,
  type Batch,
  type BatchAnswer,
  type Bytes32,
  batchAnswerSchema,
  decodeMessage,
  encodeMessage,
  type SignedPromise,
  toHex,
} from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { channelAccountSchema } from './channel-account.ts'
import type { CommandOf, LedgerCommand } from './commands.ts'
import type { Ledger } from './ledger.ts'
import { bytesOf, commandOf, factsOf, item, lockOf, openTestLedger, preimageOf, type Terms, word } from './testing.ts'

export function answerOf(result: { readonly kind: string; readonly answer?: { readonly content: Uint8Array } }) {
  if (result.answer === undefined) throw new Error(JSON.stringify(result, (_, of) => of.toString?.() ?? of))
  const answer = decodeMessage(batchAnswerSchema, result.answer.content, 1 << 20)
  if (!answer.ok) throw new Error(answer.refusal.code)
  return answer.value
}

/** What a provider has of an answered batch. */
export interface Answered {
  readonly command: CommandOf<'exchange'>
  readonly answer: BatchAnswer
  readonly signed: { readonly content: Uint8Array; readonly signature: Uint8Array }
}

export function adopting({ command, answer, signed }: Answered, changes: Partial<CommandOf<'adopt'>> = {}) {
  const { batch, content, digest } = command
  const facts = batch.items.map((of) => {
    const { channel, signer } = factsOf(of)
    return { channel, ...(signer === undefined ? {} : { signer }) }
  })
  const adopt = { batch, content, digest, answered: answer, answer: signed, facts, afterHole: false }
  return { kind: 'adopt', ...adopt, ...changes } as const satisfies CommandOf<'adopt'>
}

export interface Story {
  readonly ledger: Ledger
  readonly store: LedgerStore
  /** All that was applied, in order: replayed, they give the same ledger. */
  readonly commands: LedgerCommand[]
  readonly answered: Answered[]
  /** One batch; each wish draws so much more on a consumer. @returns undefined where it was refused as a whole. */
  exchange(provider: Address, wishes: readonly Wish[]): Promise<Answered | undefined>
  reveal(provider: Address): Promise<void>
  apply<K extends LedgerCommand['kind']>(command: CommandOf<K>): ReturnType<Ledger['apply']>
}
export interface Wish {
  readonly consumer: Address
  readonly delta: bigint
  /** Under the last batch's lock. */
  readonly late?: boolean
}

/** What consumers have signed and providers were promised: not lost with the accountant's ledger. */
export interface Outside {
  readonly spent: Map<Address, bigint>
  readonly totals: Map<string, bigint>
  readonly newest: Map<Address, { readonly epoch: bigint; readonly amount: bigint }>
}
export const nobody = (): Outside => ({ spent: new Map(), totals: new Map(), newest: new Map() })

export async function openStory(outside: Outside, terms: Terms = {}): Promise<Story> {
  const store = createMemoryLedgerStore()
  const ledger = await openTestLedger(store)
  const commands: LedgerCommand[] = []
  const answered: Answered[] = []

  const apply: Story['apply'] = (command) => {
    commands.push(command)
    return ledger.apply(command as never)
  }

  function sign(provider: Address, { consumer, delta }: Wish, lock: Bytes32): SignedPromise {
    const amount = (outside.spent.get(consumer) ?? 0n) + delta
    const key = `${consumer}/${provider}`
    const total = (outside.totals.get(key) ?? 0n) + delta
    outside.spent.set(consumer, amount)
    outside.totals.set(key, total)
    return item({ consumer, provider, amount, total, lock, id: word(1) })
  }

  return {
    ledger,
    store,
    commands,
    answered,
    apply,
    async exchange(provider, wishes) {
      const newest = outside.newest.get(provider)
      const epoch = (newest?.epoch ?? 0n) + 1n
      const lock = lockOf(provider, epoch)
      const old = newest === undefined ? lock : lockOf(provider, newest.epoch)
      const batch: Batch = {
        provider,
        epoch,
        hashlock: lock,
        previousAmount: newest?.amount ?? 0n,
        ...(newest === undefined ? {} : { lastPreimage: preimageOf(provider, newest.epoch) }),
        items: wishes.map((wish) => sign(provider, wish, wish.late ? old : lock)),
        takesBounty: true,
      }
      const command = commandOf(batch, { capacity: 1n << 100n }, terms)
      const result = (await apply(command)) as { kind: string; answer?: Answered['signed'] }
      if (result.answer === undefined) return undefined
      const answer = answerOf(result)
      outside.newest.set(provider, { epoch, amount: answer.promise.amount })
      const kept = { command, answer, signed: result.answer }
      answered.push(kept)
      return kept
    },
    async reveal(provider) {
      const newest = outside.newest.get(provider)
      if (newest === undefined) return
      await apply({ kind: 'reveal', provider, preimage: preimageOf(provider, newest.epoch) })
    },
  }
}

/** A ledger as it was after so many commands of a story, and has lost what came then. */
export async function restored(commands: readonly LedgerCommand[], outside: Outside, terms: Terms): Promise<Story> {
  const story = await openStory(outside, terms)
  for (const command of commands) await story.apply(command)
  return story
}

/** What two ledgers that credited the same have alike: all but what was lost, and the promises kept for proofs, which are of the order in which they came. */
export function accounts(ledger: Ledger): Record<string, string> {
  const others = Object.entries(bytesOf(ledger)).filter(([key]) => !/^(recovery|losses|channels) /.test(key))
  const channels = [...ledger.entries('channels')].map(([key, { kept: _, ...account }]) => {
    return [`channels ${key}`, toHex(encodeMessage(channelAccountSchema, account))]
  })
  return Object.fromEntries([...others, ...channels])
}
