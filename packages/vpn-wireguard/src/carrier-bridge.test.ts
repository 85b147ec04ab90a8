import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Carrier } from '@myst/vpn'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CarrierBridge, joinCarrier } from './carrier-bridge.ts'

let wireguard: ReturnType<typeof createSocket>
let bridge: CarrierBridge
let sent: Uint8Array[]
let deliver: (bytes: Uint8Array) => void

beforeEach(async () => {
  wireguard = createSocket('udp4').bind(0, '127.0.0.1')
  await once(wireguard, 'listening')
  sent = []
  const carrier: Carrier = {
    openStream: () => Promise.reject(new Error('datagrams only')),
    onStream: () => {},
    sendDatagram: (bytes) => sent.push(bytes) > 0,
    onDatagram: (handler) => {
      deliver = handler
    },
    maxDatagramBytes: 1_400,
  }
  bridge = await joinCarrier(carrier, wireguard.address().port)
})
afterEach(async () => {
  await bridge.close()
  wireguard.close()
})

const speak = (...bytes: number[]) =>
  wireguard.send(Uint8Array.from(bytes), Number(bridge.endpoint.split(':')[1]), '127.0.0.1')
const hears = (timeoutMs = 500) => once(wireguard, 'message', { signal: AbortSignal.timeout(timeoutMs) })

test('passes both ways', async () => {
  deliver(Uint8Array.of(4, 1))
  expect([...(await hears())[0]]).toEqual([4, 1])
  speak(4, 2)
  await expect.poll(() => sent.length).toBe(1)
})

test('repeats a first handshake that nobody answers, and stops when the other side is heard', async () => {
  speak(1, 9)
  await wait(250)
  expect(sent.map((bytes) => [...bytes])).toEqual([
    [1, 9],
    [1, 9],
  ])
  deliver(Uint8Array.of(2))
  await wait(250)
  expect(sent).toHaveLength(2)
})

test('lets nothing in while muted, and finds wireguard at its new port after it', async () => {
  bridge.mute()
  deliver(Uint8Array.of(4))
  await expect(hears(50)).rejects.toThrow()
  const moved = createSocket('udp4').bind(0, '127.0.0.1')
  await once(moved, 'listening')
  bridge.unmute(moved.address().port)
  deliver(Uint8Array.of(4, 7))
  const [bytes] = await once(moved, 'message', { signal: AbortSignal.timeout(500) })
  expect([...bytes]).toEqual([4, 7])
  moved.close()
})
