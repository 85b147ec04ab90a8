import { bytesToUint, type Crypto, hashTypedData, uintToBytes } from '@myst/protocol'
import { describe, expect, test } from 'vitest'
import { productionVerifier, runDifferential, type Verifier } from './differential.ts'
import { type AnyValue, differentialStructs } from './differential-cases.ts'

const long = process.env.MYST_LONG === '1'
const cases = long ? 1_000_000 : 10_000
const timeoutMs = long ? 1_200_000 : 90_000
/** One batch of every struct. */
const everyStruct = 250 * differentialStructs.length

test(`C5, C6: TypeScript and Solidity agree on ${cases} cases`, { timeout: timeoutMs }, async () => {
  // A new seed every time; a mismatch is printed with its case, the seed with the failure.
  const seed = Date.now() % 2 ** 31
  const report = await runDifferential({ cases, seed, referenceEvery: long ? 100 : 2 })
  expect(report.mismatches, `seed ${seed}`).toEqual([])
  expect(report).toMatchObject({ cases, accepted: expect.any(Number), refused: expect.any(Number) })
  // Both answers, and every reason to refuse, came often enough to mean something.
  expect(report.accepted).toBeGreaterThan(cases / 4)
  expect(report.refused).toBeGreaterThan(cases / 4)
  const errors = ['SignatureBadV', 'SignatureHighS', 'SignatureInvalid', 'SignatureLength']
  expect(Object.keys(report.refusals).sort()).toEqual(errors)
  for (const count of Object.values(report.refusals)) expect(count).toBeGreaterThan(cases / 40)
  expect(report.outOfRange).toBeGreaterThan(1000)
})

test('the same seed makes the same cases', async () => {
  const [first, second] = [
    await runDifferential({ cases: 600, seed: 7 }),
    await runDifferential({ cases: 600, seed: 7 }),
  ]
  expect({ ...second, seconds: 0 }).toEqual({ ...first, seconds: 0 })
})

describe('a verifier that is wrong is caught', () => {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

  /** As `ecrecover` itself does: W6. */
  const acceptsHighS = (crypto: Crypto): Verifier => ({
    ...productionVerifier(crypto),
    recover(digest, signature) {
      const s = signature.length === 65 ? bytesToUint(signature.subarray(32, 64)) : 0n
      if (s <= order >> 1n || s >= order) return crypto.recover(digest, signature)
      const twin = signature.slice()
      twin.set(uintToBytes(order - s), 32)
      twin[64] = 55 - (signature[64] as number)
      return crypto.recover(digest, twin)
    },
  })

  /** Without its last byte if there is one too many: what many libraries do. */
  const cutsLength = (crypto: Crypto): Verifier => ({
    ...productionVerifier(crypto),
    recover: (digest, signature) => crypto.recover(digest, signature.subarray(0, 65)),
  })

  /** Hashes as if every amount had 128 bits: W7. */
  const narrows = (crypto: Crypto): Verifier => ({
    ...productionVerifier(crypto),
    hash: (domain, struct, value) => hashTypedData(crypto, domain, struct, narrowed(value)),
  })

  /** Leaves the chain out of the domain. */
  const ignoresChain = (crypto: Crypto): Verifier => ({
    ...productionVerifier(crypto),
    hash: (domain, struct, value) => hashTypedData(crypto, { ...domain, chainId: 1n }, struct, value),
  })

  const narrowed = (value: AnyValue): AnyValue =>
    Object.fromEntries(
      Object.entries(value as Record<string, unknown>).map(([name, field]) => [
        name,
        typeof field === 'bigint'
          ? BigInt.asUintN(128, field)
          : typeof field === 'object' && field !== null
            ? narrowed(field as AnyValue)
            : field,
      ]),
    ) as AnyValue

  test.each([
    ['it accepts a high s', acceptsHighS, 'signer', 'the high twin'],
    ['it ignores what is behind 65 bytes', cutsLength, 'signer', 'any length'],
    ['it hashes 128 bits of an amount', narrows, 'digest', 'none'],
    ['it forgets the chain', ignoresChain, 'digest', 'none'],
  ])('%s', async (_, verifierOf, what, change) => {
    const report = await runDifferential({ cases: everyStruct, seed: 1, referenceEvery: everyStruct, verifierOf })
    expect(report.mismatches).toContainEqual(expect.objectContaining({ what, change }))
  })

  test('it takes a value out of range', async () => {
    const options = { cases: 250, seed: 1, referenceEvery: 250, verifierOf: narrows }
    const { mismatches } = await runDifferential(options)
    expect(mismatches.map(({ what }) => what)).toContain('amount is out of range')
  })
})
