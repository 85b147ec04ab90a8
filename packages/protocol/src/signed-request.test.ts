import { alice, mallory } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { referenceCrypto as crypto } from './reference-crypto.ts'
import { type HttpRequest, openRequest, requestLifetimeMs, signRequest } from './signed-request.ts'

const domain = { chainId: 1n, verifyingContract: `0x${'ca'.repeat(20)}` } as const
const nowMs = 1_800_000_000_000
const own = { ...alice, nowMs }
const request: HttpRequest = { method: 'POST', path: '/v1/reveal', body: Uint8Array.of(1, 2, 3) }
const header = signRequest(crypto, domain, request, own)
const open = (text: string | undefined, changes: Partial<HttpRequest> = {}, at = nowMs, where: object = domain) => {
  const verdict = openRequest(crypto, where as typeof domain, text, { ...request, ...changes }, at)
  return verdict.ok ? verdict.value : verdict.refusal.code
}

test('says who asked', () => expect(open(header)).toBe(alice.identity))

test('stays within what an HTTP header may be', () => {
  const long = signRequest(crypto, domain, { ...request, path: `/${'x'.repeat(255)}` }, own)
  expect(long.length).toBeLessThan(2048)
  expect(open(long, { path: `/${'x'.repeat(255)}` })).toBe(alice.identity)
})

describe('refuses', () => {
  const forged = signRequest(crypto, domain, request, { ...own, privateKey: mallory.privateKey })
  const rows: [what: string, code: string, got: string][] = [
    ['no header', 'request-unsigned', open(undefined)],
    ['another scheme', 'request-unsigned', open(`Bearer ${header.slice(5)}`)],
    ['the scheme in small letters', 'request-unsigned', open(header.replace('Myst', 'myst'))],
    ['an empty one', 'request-malformed', open('Myst ')],
    ['no base64', 'request-malformed', open('Myst §§§')],
    ['base64 of nothing we know', 'request-malformed', open('Myst AAAA')],
    ['one cut short', 'request-malformed', open(header.slice(0, -8))],
    ['100 kB', 'request-malformed', open(`Myst ${'A'.repeat(100_000)}`)],
    ['one a minute old', 'request-stale', open(header, {}, nowMs + requestLifetimeMs + 1)],
    ['one from the future', 'request-stale', open(header, {}, nowMs - requestLifetimeMs - 1)],
    ['another method', 'request-for-other', open(header, { method: 'GET' })],
    ['another path', 'request-for-other', open(header, { path: '/v1/exchange' })],
    ['another body', 'request-for-other', open(header, { body: Uint8Array.of(1, 2, 4) })],
    ['no body', 'request-for-other', open(header, { body: new Uint8Array(0) })],
    [
      'another accountant',
      'request-wrong-signer',
      open(header, {}, nowMs, { ...domain, verifyingContract: `0x${'cb'.repeat(20)}` }),
    ],
    ['another chain', 'request-wrong-signer', open(header, {}, nowMs, { ...domain, chainId: 2n })],
    ["a stranger in Alice's name", 'request-wrong-signer', open(forged)],
  ]
  test.each(rows)('%s: %s', (_, code, got) => expect(got).toBe(code))
})

test('is good for a minute either side, to the millisecond', () => {
  expect(open(header, {}, nowMs + requestLifetimeMs)).toBe(alice.identity)
  expect(open(header, {}, nowMs - requestLifetimeMs)).toBe(alice.identity)
})
