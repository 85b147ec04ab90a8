import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  encodeMessage,
  type TransactorRequest,
  type TransactorState,
  transactorStateSchema,
  zeroAddress,
} from '@myst/protocol'
import { expect, test } from 'vitest'
import { createTransactorClient } from './transactor-client.ts'

const id = `0x${'11'.repeat(32)}` as const
const fields = { identity: zeroAddress, accountant: zeroAddress, beneficiary: zeroAddress, transactor: zeroAddress }
const request: TransactorRequest = {
  kind: 'register',
  registration: { ...fields, fee: 1n, nonce: 1n, deadline: 1n },
  signature: new Uint8Array(65),
}

test('a request that takes longer than an answer is asked for until it ends', async () => {
  const answers: TransactorState[] = [
    { id, status: 'waiting' },
    { id, status: 'waiting' },
    { id, status: 'mined', hash: id },
  ]
  const asked: string[] = []
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    incoming.resume()
    response.end(Buffer.from(encodeMessage(transactorStateSchema, answers.shift() as TransactorState)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = createTransactorClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await client.carry(request)).toEqual({ id, status: 'mined', hash: id })
  expect(asked).toEqual(['POST /v1/requests', `GET /v1/requests/${id}`, `GET /v1/requests/${id}`])
  server.closeAllConnections()
  server.close()
})
