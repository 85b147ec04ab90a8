import { expect, test } from 'vitest'
import { isPublicUnicast } from './dialling.ts'

test.each([
  '0.0.0.0',
  '127.0.0.1',
  '100.64.0.1',
  '198.18.0.1',
  '203.0.113.9',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::ffff:9.9.9.9',
  'example.org',
  '9.9.9',
  '',
])('never dials %s', (host) => {
  expect([isPublicUnicast(host), isPublicUnicast(host, { lan: true })]).toEqual([false, false])
})

test.each(['10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.3.4'])('dials %s only with the LAN allowed', (host) => {
  expect([isPublicUnicast(host), isPublicUnicast(host, { lan: true })]).toEqual([false, true])
})

test.each(['9.9.9.9', '172.32.0.1', '100.128.0.1'])('dials %s', (host) => {
  expect(isPublicUnicast(host)).toBe(true)
})
