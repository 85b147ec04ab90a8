import type { RecoverReply, RecoverRequest, SignedAccountantPromise } from '@myst/protocol'
import { expect, test } from 'vitest'
import { offerAnswers } from './offer-answers.ts'

const bob = `0x${'b0'.repeat(20)}` as const
const lock = `0x${'01'.repeat(32)}` as const
const promiseAt = (epoch: bigint): SignedAccountantPromise => ({
  provider: bob,
  amount: epoch,
  hashlock: lock,
  epoch,
  signature: new Uint8Array(65),
})
const signed = (epoch: bigint) => ({ content: Uint8Array.of(Number(epoch)), signature: new Uint8Array(65) })
const preimageOf = (epoch: bigint) => new Uint8Array(32).fill(Number(epoch))

/** An accountant that says what each test has it say. @returns what it was offered. */
async function offerTo(
  say: (offer: RecoverRequest) => RecoverReply,
  kept: readonly bigint[],
  newest: bigint,
  shown?: bigint,
): Promise<{ offers: RecoverRequest[]; taken: number | string }> {
  const offers: RecoverRequest[] = []
  const client = {
    recover: async (offer: RecoverRequest) => {
      offers.push(offer)
      return say(offer)
    },
  }
  const read = () => new Map(kept.map((epoch) => [epoch, { batch: signed(epoch), answer: signed(epoch) }]))
  const answered = { read, keep: () => [] }
  const state = { newest: promiseAt(newest), credited: new Map([[`${bob}/${lock}`, 7n]]) }
  const offering = offerAnswers(
    { client, answered, preimageOf },
    state,
    shown === undefined ? undefined : promiseAt(shown),
  )
  return { taken: await offering.catch(({ message }) => message), offers }
}
const takes = (): RecoverReply => ({ kind: 'adopted' })
const refuses = (code: string): RecoverReply => ({ kind: 'refused', code })
const batch = (epoch: bigint) => ({ kind: 'batch', batch: signed(epoch), answer: signed(epoch) })

test('offers what came after the newest that the accountant knows, in order', async () => {
  expect(await offerTo(takes, [3n, 5n, 8n], 8n, 3n)).toEqual({ taken: 2, offers: [batch(5n), batch(8n)] })
  expect((await offerTo(takes, [3n, 5n, 8n], 8n)).offers).toEqual([batch(3n), batch(5n), batch(8n)])
})

test('over a hole it goes with the preimage of what the accountant showed', async () => {
  const says = ({ kind }: RecoverRequest) => (kind === 'batch' ? refuses('recovery-hole') : takes())
  const { offers, taken } = await offerTo(says, [5n], 5n, 3n)
  expect(offers).toEqual([batch(5n), { ...batch(5n), kind: 'batch-after-hole', knownPreimage: preimageOf(3n) }])
  expect(taken).toBe(1)
})

test('without any answer, its newest promise alone, with what its agreements were credited', async () => {
  const credited = [{ consumer: bob, id: lock, total: 7n }]
  expect((await offerTo(takes, [], 5n, 3n)).offers).toEqual([
    { kind: 'newest', promise: promiseAt(5n), knownPreimage: preimageOf(3n), credited },
  ])
  expect((await offerTo(takes, [], 5n)).offers).toEqual([{ kind: 'newest', promise: promiseAt(5n), credited }])
})

test('what is refused ends it, and is tried again another time', async () => {
  expect((await offerTo(() => refuses('recovery-breaks-prefix'), [4n, 5n], 5n, 3n)).taken).toBe(
    'recovery-refused code=recovery-breaks-prefix',
  )
  const { offers, taken } = await offerTo(() => refuses('recovery-wrong-signer'), [4n, 5n], 5n, 3n)
  expect(offers.map(({ kind }) => kind)).toEqual(['batch', 'newest'])
  expect(taken).toBe('recovery-refused code=recovery-wrong-signer')
})
