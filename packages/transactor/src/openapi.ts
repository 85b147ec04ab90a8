/**
 * The HTTP interface in OpenAPI 3.1, as `/openapi.json` gives it. `http-server.test.ts` holds it to the paths there are.
 *
 * @module
 */

import { openApiParts } from '@myst/program'
import { transactorCalls } from '@myst/protocol'
import { refusalWords } from './refusal-words.ts'

const { amount, json, object, refusal, text } = openApiParts
const coded = (schema: object) => ({ 'application/cbor': {}, ...json(schema) })

const state = object({ id: text, status: { enum: ['waiting', 'mined', 'refused'] }, hash: text, code: text }, [
  'id',
  'status',
])
const refused = {
  description: 'Refused; the code says why.',
  content: json(refusal(Object.keys(refusalWords))),
}
const answers = (description: string, content?: object) => ({
  200: { description, ...(content === undefined ? {} : { content }) },
  default: refused,
})
const path = (name: string, schema: object) => ({ name, in: 'path', required: true, schema })

export const openApi = {
  openapi: '3.1.0',
  info: {
    title: 'Transactor',
    version: '1',
    description:
      'Sends signed messages to the chain for people without gas. Each path that begins with /v1 but /v1/networks is also under /networks/{networkId}, and only there where there are several networks. CBOR, unless JSON is asked for.',
  },
  paths: {
    '/v1/quotes/{call}': {
      get: {
        summary: 'What carrying a call costs, and until when the fee is good.',
        parameters: [path('call', { enum: [...transactorCalls] })],
        responses: answers('A quote.', coded(object({ transactor: text, fee: amount, validUntilMs: amount }))),
      },
    },
    '/v1/requests': {
      post: {
        summary: 'Carries a signed message. The same bytes have one effect, and get the same answer.',
        requestBody: { required: true, content: { 'application/cbor': {} } },
        responses: answers('Mined at depth, refused by the contract, or still waiting.', coded(state)),
      },
    },
    '/v1/requests/{id}': {
      get: {
        summary: 'What became of a request; its id is the keccak256 of its bytes. Gifts of the faucet have ids too.',
        parameters: [path('id', text)],
        responses: answers('Its state.', coded(state)),
      },
    },
    '/v1/faucet': {
      post: {
        summary: 'MYST on a test network, once a day for each address.',
        requestBody: { required: true, content: json(object({ to: text })) },
        responses: answers('The gift.', json(object({ id: text, status: text, to: text, amount }))),
      },
    },
    '/v1/status': { get: { summary: 'Chain, gas, queue.', responses: answers('Figures.', json({ type: 'object' })) } },
    '/v1/networks': {
      get: { summary: 'The networks served here.', responses: answers('A list.', json({ type: 'array' })) },
    },
    '/metrics': { get: { summary: 'For Prometheus.', responses: answers('Text.') } },
    '/healthz': { get: { summary: 'Whether it runs.', responses: answers('It runs.') } },
    '/openapi.json': { get: { summary: 'This.', responses: answers('This.') } },
  },
} as const
