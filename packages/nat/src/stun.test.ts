import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { askReflexive, bindUdp, closeUdp, createStunServer } from './index.ts'
import {
  decodeBindingRequest,
  decodeBindingResponse,
  encodeBindingRequest,
  encodeBindingResponse,
  transactionIdBytes,
} from './stun.ts'

const id = fc.uint8Array({ minLength: transactionIdBytes, maxLength: transactionIdBytes })
const endpoint = fc.record({ host: fc.ipV4(), port: fc.nat(65_535) })

test('what one side writes, the other reads', () => {
  fc.assert(
    fc.property(id, endpoint, (transactionId, address) => {
      expect(decodeBindingRequest(encodeBindingRequest(transactionId))).toEqual(Buffer.from(transactionId))
      expect(decodeBindingResponse(encodeBindingResponse(transactionId, address), transactionId)).toEqual(address)
    }),
  )
})

test('reads the published vector', () => {
  // RFC 5769, §2.2: a response with other attributes around the one that we want.
  const response = Buffer.from(
    '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220' +
      '002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96',
    'hex',
  )
  const transactionId = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex')
  expect(decodeBindingResponse(response, transactionId)).toEqual({ host: '192.0.2.1', port: 32_853 })
})

test('takes no answer to another question, and falls over no bytes', () => {
  const ours = randomBytes(transactionIdBytes)
  const answer = encodeBindingResponse(randomBytes(transactionIdBytes), { host: '192.0.2.1', port: 1 })
  expect(decodeBindingResponse(answer, ours)).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
      decodeBindingRequest(Buffer.from(noise))
      decodeBindingResponse(Buffer.concat([answer, noise]), ours)
      decodeBindingResponse(Buffer.from(noise), ours)
    }),
  )
})

test('tells a socket its address, and never answers with more than it was sent', async () => {
  const server = await createStunServer({ host: '127.0.0.1', port: 0 })
  const socket = await bindUdp()
  expect(await askReflexive(socket, [server.endpoint, server.endpoint])).toEqual({
    host: '127.0.0.1',
    port: socket.address().port,
    mapping: 'none',
  })

  const short = encodeBindingRequest(randomBytes(transactionIdBytes)).subarray(0, 20)
  short.writeUInt16BE(0, 2) // a request without attributes, 20 bytes; the answer would be 32
  const asker = createSocket('udp4')
  asker.send(short, server.endpoint.port, '127.0.0.1')
  await expect(once(asker, 'message', { signal: AbortSignal.timeout(100) })).rejects.toThrow()
  await Promise.all([server.close(), closeUdp(socket), closeUdp(asker)])
})

test('says so where no server answers', async () => {
  const socket = await bindUdp()
  const silent = await bindUdp({ host: '127.0.0.1', port: 0 })
  await expect(
    askReflexive(
      socket,
      [silent.address()].map(({ address: host, port }) => ({ host, port })),
    ),
  ).rejects.toMatchObject({ code: 'reflexive-unreachable' })
  await Promise.all([closeUdp(socket), closeUdp(silent)])
})
