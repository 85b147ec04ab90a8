import { bob, mallory } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes } from './bytes.ts'
import { encodeMessage } from './message.ts'
import { defaultPrice } from './price.ts'
import {
  checkProposal,
  maxProposalBytes,
  type Proposal,
  proposalLifetimeMs,
  proposalSchema,
  signProposal,
} from './proposal.ts'
import { referenceCrypto as crypto } from './reference-crypto.ts'
import { signContent } from './signed-content.ts'
import { decodeCbor, encodeCbor, writeValue } from './testing.ts'

const nowMs = 1_800_000_000_000
const offer: Proposal = {
  networkId: 'devnet',
  provider: bob.identity,
  transportKey: new Uint8Array(32).fill(1),
  serviceType: 'wireguard',
  serviceVersion: 1,
  location: { country: 'LT', city: 'Vilnius', asn: 64_500, ipType: 'residential' },
  price: defaultPrice,
  accountants: [`0x${'ca'.repeat(20)}`],
  accessPolicies: ['mysterium'],
  limits: { mbps: 100, sessions: 50 },
  natType: 'cone',
  contact: ['https://bob.example'],
  seq: 7n,
  expiresAtMs: BigInt(nowMs + proposalLifetimeMs),
  withdrawn: false,
}
const check = (signed: ReturnType<typeof signProposal>, at = nowMs) =>
  checkProposal(crypto, signed, { networkId: 'devnet', nowMs: at })
const codeOf = (changes: Partial<Proposal>, at = nowMs) => {
  const verdict = check(signProposal(crypto, { ...offer, ...changes }, bob.privateKey), at)
  return verdict.ok ? 'accepted' : verdict.refusal.code
}

test('accepts what its provider signed', () => {
  expect(check(signProposal(crypto, offer, bob.privateKey))).toEqual({ ok: true, value: offer })
})

describe('refuses', () => {
  const large = {
    contact: Array<string>(8).fill('x'.repeat(128)),
    accessPolicies: Array<string>(16).fill('y'.repeat(64)),
  }
  const rows: [what: string, changes: Partial<Proposal>, code: string][] = [
    ['more than 2 KiB', large, 'message-too-large'],
    ['a country of three letters', { location: { country: 'LTU' } }, 'message-invalid'],
    ['another network', { networkId: 'mainnet', location: { country: '??' } }, 'proposal-wrong-network'],
    ['a country in small letters', { location: { country: 'lt' }, expiresAtMs: 0n }, 'proposal-country-invalid'],
    ['no country', { location: { country: '' } }, 'proposal-country-invalid'],
    ['one that expired', { expiresAtMs: BigInt(nowMs) }, 'proposal-expired'],
    ['one from the far future', { expiresAtMs: BigInt(nowMs + 100 * 60_000) }, 'proposal-outlives-limit'],
    ["one in another's name", { provider: mallory.identity }, 'proposal-wrong-signer'],
  ]
  test.each(rows)('%s', (_, changes, code) => expect(codeOf(changes)).toBe(code))

  test('bytes that are no proposal', () => {
    const signed = signProposal(crypto, offer, bob.privateKey)
    expect(check({ ...signed, content: Uint8Array.of(0xa0) })).toMatchObject({ refusal: { code: 'message-invalid' } })
    const longer = concatBytes(signed.content, new Uint8Array(maxProposalBytes))
    expect(check({ ...signed, content: longer })).toMatchObject({ refusal: { code: 'message-too-large' } })
  })

  test('a proposal for another network that is relabelled', () => {
    const signed = signProposal(crypto, { ...offer, networkId: 'mainnet' }, bob.privateKey)
    const content = encodeMessage(proposalSchema, offer)
    expect(check({ ...signed, content })).toMatchObject({ refusal: { code: 'proposal-wrong-signer' } })
  })
})

test('lives until the very millisecond', () => {
  expect(codeOf({}, nowMs + proposalLifetimeMs - 1)).toBe('accepted')
  expect(codeOf({}, nowMs + proposalLifetimeMs)).toBe('proposal-expired')
})

describe('D2: nobody alters what Bob signed', () => {
  const changes: { [K in keyof Proposal]-?: Proposal[K] } = {
    networkId: 'devnet',
    provider: bob.identity,
    transportKey: new Uint8Array(32).fill(2),
    serviceType: 'openvpn',
    serviceVersion: 2,
    location: { country: 'DE' },
    price: { ...defaultPrice, perGib: 1n },
    accountants: [],
    accessPolicies: [],
    limits: {},
    natType: 'symmetric',
    contact: ['https://mallory.example'],
    seq: 8n,
    expiresAtMs: BigInt(nowMs + 1),
    withdrawn: true,
  }
  const fields = Object.keys(changes).filter((name) => name !== 'networkId' && name !== 'provider')
  test.each(fields)('%s', (name) => {
    const signed = signProposal(crypto, offer, bob.privateKey)
    const altered = { ...offer, [name]: changes[name as keyof Proposal] } as Proposal
    const verdict = check({ ...signed, content: encodeMessage(proposalSchema, altered) })
    expect(verdict).toMatchObject({ ok: false, refusal: { code: 'proposal-wrong-signer' } })
  })

  test('any bit of it', () => {
    const { content, signature } = signProposal(crypto, offer, bob.privateKey)
    fc.assert(
      fc.property(fc.nat(8 * (content.length + 65) - 1), (bit) => {
        const whole = concatBytes(content, signature)
        whole[bit >> 3] = (whole[bit >> 3] as number) ^ (1 << (bit & 7))
        const changed = { content: whole.subarray(0, content.length), signature: whole.subarray(content.length) }
        expect(check(changed).ok).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
})

test('a field of a newer version survives, under the same signature', () => {
  const content = encodeCbor(
    new Map(decodeCbor(encodeMessage(proposalSchema, offer)) as ReadonlyMap<number, never>).set(99, 'new' as never),
  )
  const newer = signedBytes(content)
  expect(check(newer)).toEqual({ ok: true, value: offer })
})

/** As a newer Bob would sign bytes that this version's schema does not make. */
function signedBytes(content: Uint8Array): ReturnType<typeof signProposal> {
  const bytesSchema = { write: () => writeValue(decodeCbor(content)), read: () => offer }
  const type = {
    struct: { name: 'Proposal', fields: { content: 'bytes32' } } as const,
    schema: bytesSchema,
    maxBytes: 2048,
  }
  return signContent(crypto, { networkId: 'devnet' }, type, offer, bob.privateKey)
}
