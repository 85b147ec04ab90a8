/**
 * The HTTP interface in OpenAPI 3.1, as `/openapi.json` gives it. `http-server.test.ts` holds it to the routes there are.
 *
 * @module
 */

import { openApiParts } from '@myst/program'
import { fastExitRefusals, itemRefusals } from '@myst/protocol'
import { bountyWords, payoutWords, requestCodes } from './refusal-words.ts'
import { alarmCodes } from './treasurer-rules.ts'

const { amount, count, flag, json, object, refusal, text } = openApiParts

const cbor = { 'application/cbor': {} }
const refused = (description: string, codes: readonly string[]) => ({ description, content: json(refusal(codes)) })
const time = { type: 'string', format: 'date-time' }

/** Every call may meet these. */
const always = {
  429: refused('This address asks too often.', ['too-many-requests']),
  500: refused('The log of the accountant says why.', ['internal']),
  503: { description: 'Another process answers; ask again in a second.' },
  default: refused('The body is too large, or of another type.', ['request-malformed']),
}
const malformed = { 400: refused('The body is not what this call takes.', ['request-malformed']) }
const unsigned = { 401: refused('The request is not signed as it must be.', requestCodes) }
const answers = (description: string, content?: object, also: object = {}) => ({
  200: { description, ...(content === undefined ? {} : { content }) },
  ...always,
  ...also,
})
const body = { required: true, content: cbor }
const security = [{ signedRequest: [] }]

const contract = object(
  {
    balance: amount,
    operatorStake: amount,
    reserve: amount,
    stakes: amount,
    guarantees: amount,
    missing: amount,
    spare: amount,
    punishedSince: time,
    withdrawal: object({ amount, due: time }),
  },
  ['balance', 'operatorStake', 'reserve', 'stakes', 'guarantees', 'missing', 'spare'],
)
const alarm = object(
  {
    code: { enum: alarmCodes },
    since: time,
    message: text,
    send: object({ amount, coin: { enum: ['MYST', 'native'] } }),
  },
  ['code', 'since', 'message'],
)
const solvency = object({
  accountant: text,
  operator: text,
  chainId: text,
  block: object({ number: text, hash: text, time, depth: count }),
  summedAt: time,
  solvent: flag,
  providers: object({
    count,
    promised: amount,
    settled: amount,
    unsettled: amount,
    largestUnsettled: amount,
    guaranteed: amount,
    bounties: amount,
  }),
  cover: object({ freeFunds: amount, guarantees: amount, collectable: amount, covered: amount, open: amount }),
  channels: object({ count, credited: amount, collected: amount, collectable: amount, open: amount }),
  contract,
  alarms: { type: 'array', items: alarm },
})
const status = object({
  accountant: text,
  chainId: text,
  feeRate: { type: 'integer', description: 'Basis points.' },
  credited: amount,
  fees: amount,
  batches: count,
  promises: count,
  freeFunds: amount,
  running: flag,
  operator: text,
  transactions: object({ underway: count, waiting: count }),
  collectable: object({ channels: count }),
  holdsMissing: count,
  alarms: { type: 'array', items: { enum: alarmCodes } },
  recovering: flag,
  recoveryStartedAt: time,
  recoveryEndsAt: time,
  unknownCredit: amount,
})

const bounties = object({
  credited: amount,
  fees: amount,
  providers: {
    type: 'array',
    items: object({ provider: text, proven: amount, granted: amount, credited: amount, pending: amount }),
  },
})

export const openApi = {
  openapi: '3.1.0',
  info: {
    title: 'Accountant',
    version: '1',
    description:
      'Takes over consumers’ promises from providers. Bodies of the payment calls are CBOR, since they are hashed and signed; what people read is JSON.',
  },
  components: {
    securitySchemes: {
      signedRequest: {
        type: 'http',
        scheme: 'Myst',
        description:
          'Base64 of the signed content of method, path, hash of the body and time; good for one accountant and a minute.',
      },
    },
  },
  paths: {
    '/v1/exchange': {
      post: {
        summary: 'A batch for a promise and a verdict of each item. The same bytes get the same answer.',
        description: `A WebSocket on the same path carries many. Items are refused with: ${Object.keys(itemRefusals).join(', ')}.`,
        requestBody: body,
        responses: answers('The answer, or why the batch was refused as a whole.', cbor, malformed),
      },
    },
    '/v1/reveal': {
      post: {
        summary: 'The preimage of the newest batch, at the end of business.',
        security,
        requestBody: body,
        responses: answers('False where no lock waits for it.', json(object({ revealed: flag })), {
          ...malformed,
          ...unsigned,
        }),
      },
    },
    '/v1/providers/me': {
      get: {
        summary: 'The newest promise to this provider and its stored answer: enough to rebuild a lost disk.',
        security,
        responses: answers('What there is.', cbor, unsigned),
      },
    },
    '/v1/providers/me/payout': {
      get: {
        summary: 'How this provider is paid on schedule.',
        security,
        responses: answers('Its order, and whether the contract has heard the wish.', cbor, unsigned),
      },
      put: {
        summary: 'How this provider wants to be paid from now on: never, each day or each week, from an amount on.',
        security,
        requestBody: body,
        responses: answers('As it is kept.', cbor, {
          ...malformed,
          ...unsigned,
          422: refused('Refused; the code says why.', Object.keys(payoutWords)),
        }),
      },
    },
    '/v1/consumers/me': {
      get: {
        summary: 'The highest promise of this consumer, with its own signature, and what its channel can promise.',
        security,
        responses: answers('What there is.', cbor, unsigned),
      },
    },
    '/v1/capacity-statement': {
      post: {
        summary: 'What this consumer’s channel can still promise, signed, to be shown to providers.',
        security,
        responses: answers('Good for five minutes.', cbor, unsigned),
      },
    },
    '/v1/fast-exit': {
      post: {
        summary: 'Co-signs that this consumer leaves at once with what it has not promised.',
        description: `Refused with: ${fastExitRefusals.join(', ')}.`,
        security,
        requestBody: body,
        responses: answers('The signature, or why there is none.', cbor, { ...malformed, ...unsigned }),
      },
    },
    '/v1/resign': {
      post: {
        summary: 'The newest promise to this provider, signed anew after the operator’s key was replaced.',
        security,
        responses: answers('The promise, where there is one.', cbor, unsigned),
      },
    },
    '/v1/recover': {
      post: {
        summary: 'An answered batch of this provider, offered to a ledger that was restored from a backup.',
        security,
        requestBody: body,
        responses: answers('Adopted, known, or why not.', cbor, { ...malformed, ...unsigned }),
      },
    },
    '/v1/backup': {
      post: {
        summary: 'Copies the ledger to a file of its own machine. For the operator’s key alone.',
        security,
        requestBody: body,
        responses: answers('It is copied.', json(object({ copied: flag })), unsigned),
      },
    },
    '/v1/bounties': {
      get: {
        summary: 'What each provider was credited, and the bounties it was granted. For the operator’s key alone.',
        security,
        responses: answers('All providers with either.', json(bounties), unsigned),
      },
      post: {
        summary:
          'Grants a plan of bounties, each row once: the provider’s next promise has it. For the operator’s key alone.',
        security,
        requestBody: body,
        responses: answers(
          'What was granted now.',
          json(object({ plan: text, granted: count, amount, known: count })),
          {
            ...malformed,
            ...unsigned,
            422: refused('Nothing was granted; the code says why.', Object.keys(bountyWords)),
          },
        ),
      },
    },
    '/v1/status': { get: { summary: 'Rate, sums, alarms.', responses: answers('Figures.', json(status)) } },
    '/v1/solvency': {
      get: {
        summary: 'What is owed to providers and what covers it, of one block.',
        responses: answers('Figures.', json(solvency), {
          503: refused('The chain has not been read yet.', ['solvency-unknown']),
        }),
      },
    },
    '/solvency': { get: { summary: 'The same, as a page.', responses: answers('A page.', { 'text/html': {} }) } },
    '/metrics': { get: { summary: 'For Prometheus.', responses: answers('Text.', { 'text/plain': {} }) } },
    '/healthz': {
      get: {
        summary: 'Whether answers are given.',
        responses: {
          200: { description: 'They are.', content: json(object({ running: flag })) },
          503: { description: 'They are not; reads go on.', content: json(object({ running: flag })) },
          429: always[429],
        },
      },
    },
    '/openapi.json': { get: { summary: 'This.', responses: answers('This.', json({ type: 'object' })) } },
  },
} as const
