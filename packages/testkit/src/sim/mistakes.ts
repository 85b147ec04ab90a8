/**
 * Mistakes that systems of this kind have really made (`reliability.md` §1), planted in the sources of a thread of its own:
 * a check is worth something once it was seen to fail.
 *
 * @module
 */

import type { Cheater } from './story.ts'

export interface PlantedMistake {
  readonly name: string
  /** What the mistaken program does, in words. */
  readonly what: string
  readonly edits: readonly PlantedEdit[]
  /** What a story must have for it to show. */
  readonly story?: { readonly draw: StoryWish }
}

export interface PlantedEdit {
  /** As the file's URL ends. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly put: string
}

export interface StoryWish {
  readonly cheater?: Cheater
  readonly cheat?: string
  readonly realCurve?: boolean
  readonly lengthMs?: number
  /** Happens in the story's course, besides what chance adds. */
  readonly fault?:
    | { readonly kind: 'clock' | 'crash' | 'old-backup'; readonly who: string }
    | { readonly kind: 'ledger-backup' }
}

export const mistakes: readonly PlantedMistake[] = [
  {
    name: 'W1',
    what: 'the consumer pays the whole total again when the provider changes the agreement id',
    edits: [
      {
        file: 'billing/src/payer-book.ts',
        find: '    answer(invoice, terms, facts) {\n',
        put: '    answer(invoice, terms, facts) {\n      terms = { ...terms, agreementId: invoice.agreementId }\n',
      },
    ],
    story: { draw: { cheater: 'provider', cheat: 'other-agreement' } },
  },
  {
    name: 'W2',
    what: 'the promise is sent before its total is recorded',
    edits: [
      {
        file: 'billing/src/payer-book.ts',
        find: '      store.commit([agreementTable.put(key, agreement), totals(), ...spent])\n',
        put: '      setTimeout(() => store.commit([agreementTable.put(key, agreement), totals(), ...spent]), 1500)\n',
      },
    ],
    story: { draw: { cheater: 'nobody', fault: { kind: 'crash', who: 'consumer-20' } } },
  },
  {
    name: 'W2-balance',
    what: 'the balance is not checked',
    edits: [
      {
        file: 'payments/src/payer.ts',
        find: '  if (amount > facts.capacity) return',
        put: '  if (amount < 0n) return',
      },
    ],
  },
  {
    name: 'W3',
    what: 'the total is in memory only',
    edits: [
      {
        file: 'billing/src/payer-book.ts',
        find: 'let state: PayerState = { amount: saved?.amount ?? 0n,',
        put: 'let state: PayerState = { amount: 0n,',
      },
    ],
    story: { draw: { cheater: 'nobody', fault: { kind: 'crash', who: 'consumer-20' } } },
  },
  {
    name: 'W4',
    what: 'the provider checks signer and channel of a promise, not its step',
    edits: [
      {
        file: 'payments/src/invoicer.ts',
        find: "  if (step < due) return refuse({ code: 'promise-amount-short', step, due })\n",
        put: '  if (step < 0n && due < 0n) return refuse({ code: "promise-amount-short", step, due })\n',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'pays-short' } },
  },
  {
    name: 'W5',
    what: "the accountant's promise is stored, and the preimage shown, without a look at its amount",
    edits: [
      {
        file: 'payments/src/exchanger.ts',
        find: '  if (answer.promise.amount !== expected || answer.credited !== sum - fee || answer.fee !== fee) {',
        put: '  if (answer.promise.amount < 0n) {',
      },
    ],
    story: { draw: { cheater: 'accountant', cheat: 'underpays' } },
  },
  {
    name: 'W5-signer',
    what: "the accountant's promise is stored, and the preimage shown, without a look at its signer and lock",
    edits: [
      {
        file: 'billing/src/accountant-word.ts',
        find: 'if (opened.ok) requireOwn(opened.value.promise)\n',
        put: 'if (opened.ok) return opened\n',
      },
    ],
    story: { draw: { cheater: 'accountant', cheat: 'unsigned' } },
  },
  {
    name: 'W6',
    what: 'a high-S signature, which the contract rejects, is accepted off chain',
    edits: [
      {
        file: 'protocol/src/crypto.ts',
        find: 'inRange(signature, 32, sBound)',
        put: 'inRange(signature, 32, rBound)',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'bad-signature', realCurve: true } },
  },
  {
    name: 'W7',
    what: 'an odd v, which the contract rejects, is accepted off chain',
    edits: [
      {
        file: 'protocol/src/crypto.ts',
        find: '(v === 27 || v === 28) &&',
        put: '(v === 0 || v === 1 || v === 27 || v === 28) &&',
      },
      {
        file: 'crypto-native/src/native-crypto.ts',
        find: '(signature[64] as number) - 27\n',
        put: '(signature[64] as number) % 27\n',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'bad-signature', realCurve: true } },
  },
  {
    name: 'W21',
    what: 'with the accountant down the node does not start',
    edits: [
      {
        file: 'billing/src/exchange-desk.ts',
        find: '    if (saved !== undefined) return restartExchanger(saved, nowMs)\n',
        put: '    if (saved !== undefined) {\n      await client.providerStanding()\n      return restartExchanger(saved, nowMs)\n    }\n',
      },
    ],
    story: { draw: { cheater: 'nobody', fault: { kind: 'crash', who: 'provider-1' } } },
  },
  {
    name: 'W27',
    what: 'the consumer signs what the provider asks, unread',
    edits: [
      {
        file: 'payments/src/payer.ts',
        find: '  if (invoice.total > allowed) return',
        put: '  if (allowed < 0n) return',
      },
    ],
    story: { draw: { cheater: 'provider', cheat: 'overbills' } },
  },
  {
    name: 'W28',
    what: 'nothing is held: consumer and provider withhold the preimage, exit, then settle',
    edits: [
      {
        file: 'accountant/src/exit-holder.ts',
        find: '    for (const channel of exiting) await tell(holdExit(channel), onFault)\n',
        put: '    for (const channel of exiting) void [holdExit, channel]\n',
      },
    ],
    story: { draw: { cheater: 'pair' } },
  },
  {
    name: 'W29',
    what: 'unproved refusals count for nothing: the accountant refuses items and collects them later',
    edits: [
      {
        file: 'payments/src/exchanger.ts',
        find: '  if (refused <= 0n) return before\n',
        put: '  if (refused >= 0n) return before\n',
      },
    ],
    story: { draw: { cheater: 'accountant', cheat: 'refuses' } },
  },
  {
    name: 'W29-vouched',
    what: 'unproved refusals count for nothing: the accountant vouches for a consumer, and takes nothing over from it',
    edits: [
      {
        file: 'payments/src/exchanger.ts',
        find: '  if (refused <= 0n) return before\n',
        put: '  if (refused >= 0n) return before\n',
      },
    ],
    story: { draw: { cheater: 'accountant+consumer' } },
  },
  {
    name: 'W29-unseen',
    what: "an exit counts as seen on the accountant's bare word",
    edits: [
      {
        file: 'billing/src/refusal-judge.ts',
        find: 'return look(consumer)',
        put: 'return (await look(consumer)) || true',
      },
    ],
    story: { draw: { cheater: 'accountant', cheat: 'refuses' } },
  },
  {
    name: 'W29-unproven',
    what: 'proofs are not looked at: consumers who promise twice end the business with an honest accountant',
    edits: [
      {
        file: 'billing/src/refusal-judge.ts',
        find: 'verdict.proof ?? []',
        put: '[]',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'pays-twice' } },
  },
  {
    name: 'W5-partner',
    what: 'the amount of a promise is not looked at, and the accountant pays short whoever is not its partner',
    edits: [
      {
        file: 'payments/src/exchanger.ts',
        find: '  if (answer.promise.amount !== expected || answer.credited !== sum - fee || answer.fee !== fee) {',
        put: '  if (answer.promise.amount < 0n) {',
      },
    ],
    story: { draw: { cheater: 'accountant+provider', cheat: 'underpays' } },
  },
  {
    name: 'W30',
    what: 'an epoch is used again after an old backup',
    edits: [
      {
        file: 'payments/src/exchanger.ts',
        find: 'return { ...saved, retired: [...saved.retired, saved.epoch], epoch: firstEpoch(saved.epoch, 0n, startedAtMs) }',
        put: 'return { ...saved, epoch: startedAtMs < 0 ? firstEpoch(saved.epoch, 0n, startedAtMs) : saved.epoch }',
      },
    ],
    story: { draw: { cheater: 'nobody', fault: { kind: 'old-backup', who: 'provider-1' } } },
  },
  {
    name: 'W37',
    what: 'first credit is granted to a crowd of fresh identities',
    edits: [
      {
        file: 'payments/src/first-credit.ts',
        find: '  if (near.length >= limits.perPrefixPerHour || sum > limits.perDay) return undefined\n',
        put: '  if (near.length < 0 || sum < limits.perDay - sum - limits.perDay) return undefined\n',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'never-pays' } },
  },
  {
    name: 'first-credit-forgotten',
    what: "a provider that starts anew grants the day's first credit again",
    edits: [
      {
        file: 'billing/src/credit-book.ts',
        find: 'grantsTable.load(store).get(grantsKey)?.grants ?? []',
        put: 'grantsTable.load(store).get("nothing")?.grants ?? []',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'never-pays', fault: { kind: 'crash', who: 'provider-1' } } },
  },
  {
    name: 'old-backup-unasked',
    what: 'only a consumer with nothing on disk asks what it has promised',
    edits: [
      {
        file: 'billing/src/adopt-shown.ts',
        find: 'highest.promise.amount <= book.amount) return',
        put: '!book.blank) return',
      },
    ],
    story: { draw: { cheater: 'nobody', fault: { kind: 'old-backup', who: 'consumer-20' } } },
  },
  {
    name: 'clock-set-back-sweep',
    what: 'after its clock was set back the accountant looks for no exits till the clock catches up',
    edits: [{ file: 'accountant/src/exit-holder.ts', find: 'if (sinceMs < 0 || sinceMs >=', put: 'if (sinceMs >=' }],
    story: { draw: { cheater: 'pair', fault: { kind: 'clock', who: 'accountant' } } },
  },
  {
    name: 'clock-set-back-view',
    what: 'after its clock was set back the accountant takes old states of channels for new ones',
    edits: [{ file: 'accountant/src/channel-view.ts', find: '    if (ageMs < 0) return false\n', put: '' }],
    story: { draw: { cheater: 'pair', fault: { kind: 'clock', who: 'accountant' } } },
  },
  {
    name: 'old-ledger-drawn-on',
    what: 'an accountant whose ledger is an old backup takes promises over before the providers have shown what it answered',
    edits: [
      {
        file: 'accountant/src/ledger/exchange-batch.ts',
        find: "  if (isRecovering(draft)) return 'promise-recovering'\n",
        put: '',
      },
    ],
    story: { draw: { cheater: 'consumer', cheat: 'pays-twice', fault: { kind: 'ledger-backup' } } },
  },
  {
    name: 'old-ledger-unshown',
    what: 'a provider gives nothing back to an accountant that has lost what it answered',
    edits: [
      {
        file: 'billing/src/exchange-desk.ts',
        find: '    if (lost) await giveBack(reply.newest)\n',
        put: '',
      },
      {
        file: 'billing/src/exchange-desk.ts',
        find: '    if (isBehind(newest)) await giveBack(newest)\n',
        put: '    if (isBehind(newest)) return\n',
      },
    ],
    story: { draw: { cheater: 'nobody', fault: { kind: 'ledger-backup' } } },
  },
]
