import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  batchAnswerContent,
  batchContent,
  channelAddress,
  hashPromise,
  noTicks,
  recoverContentSigner,
  type SignedContent,
  signContent,
  toHex,
} from '@myst/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import type { Decision } from '../ledger/answer.ts'
import { createSigner } from '../sign-decisions.ts'
import { createSignerFinder } from './batch-signers.ts'
import { createSignaturePool, type SignaturePool } from './pool.ts'

const crypto = await loadNativeCrypto()
const key = (byte: number) => new Uint8Array(32).fill(byte)
const at = (byte: string): Address => `0x${byte.repeat(20)}`
const accountant = at('aa')
const contracts = { registry: at('99'), channelImplementation: at('98') }
const place = { chainId: 31337n, accountant, contracts }
const bobKey = key(0xb0)
const bob = crypto.addressOf(bobKey)
const channelOf = (consumer: Address) => channelAddress(crypto, contracts, consumer, accountant)

/** Bob's batch with a promise of each consumer, the second one signed by somebody else. */
function batchOf(consumers: number, signedWith = bobKey): SignedContent {
  const items = Array.from({ length: consumers }, (_, index) => {
    const consumer = crypto.addressOf(key(index + 1))
    const agreement = { id: toHex(key(7)), provider: bob, total: 5n }
    const promise = { amount: 5n, hashlock: toHex(key(3)), agreement, ticks: noTicks }
    const hash = hashPromise(crypto, { chainId: place.chainId, channel: channelOf(consumer) }, promise)
    return { consumer, promise, signature: crypto.sign(hash, key(index === 1 ? 0xee : index + 1)) }
  })
  const batch = { provider: bob, epoch: 1n, hashlock: toHex(key(3)), previousAmount: 0n, items }
  return signContent(crypto, { chainId: 31337n, verifyingContract: accountant }, batchContent, batch, signedWith)
}

let pool: SignaturePool | undefined
afterEach(() => pool?.close())
const poolOf = (threads?: number) => {
  pool = createSignaturePool({ ...place, operatorKey: key(0xca) }, threads)
  return pool
}

describe('who signed a batch', () => {
  const find = createSignerFinder(crypto, place)

  test('its provider, and each promise its consumer in its own channel, or somebody else', () => {
    expect(find(batchOf(3), true)).toMatchObject({ isSignedByProvider: true, signed: Uint8Array.of(1, 0, 1) })
  })

  test.each([
    { what: 'signed by somebody else', batch: batchOf(3, key(0xb1)) },
    { what: 'no batch', batch: { content: Uint8Array.of(1, 2, 3), signature: new Uint8Array(65) } },
  ])("a batch that is $what is nobody's, and its promises are not looked at", ({ batch }) => {
    expect(find(batch, true)).toMatchObject({ isSignedByProvider: false, signed: new Uint8Array(0) })
  })

  test('a digest is of the very bytes', () => {
    const batch = batchOf(1)
    expect(find(batch, false)).toEqual({
      digest: toHex(crypto.keccak256(batch.content)),
      isSignedByProvider: true,
      signed: new Uint8Array(0),
    })
  })
})

describe('on other threads', () => {
  test('many batches at once get the same answers as here, each its own', async () => {
    const { findSigners } = poolOf(2)
    const find = createSignerFinder(crypto, place)
    const batches = Array.from({ length: 40 }, (_, index) => batchOf(1 + (index % 5)))
    const found = await Promise.all(batches.map((batch, index) => findSigners(batch, index % 3 !== 0)))
    expect(found).toEqual(batches.map((batch, index) => find(batch, index % 3 !== 0)))
  })

  test('the operator signs alike, in order', async () => {
    const hashes = [key(1), key(2), key(3)]
    expect(await poolOf(2).sign(hashes)).toEqual(hashes.map((hash) => crypto.sign(hash, key(0xca))))
  })

  test('decisions are signed in one round as in two, and so that the operator is found out', async () => {
    const { sign, signDecisions } = poolOf(1)
    const decisions = [5n, 6n].map((amount): Decision => {
      const promise = { provider: bob, amount, hashlock: toHex(key(3)), epoch: amount }
      const verdicts = [{ delta: amount }, { code: 'promise-wrong-signer' as const, delta: 0n, final: true }]
      const answer = {
        provider: bob,
        epoch: amount,
        digest: toHex(key(4)),
        feeRate: 0,
        credited: amount,
        fee: 0n,
        verdicts,
      }
      return { promise, answer }
    })
    const domain = { chainId: place.chainId, verifyingContract: accountant }
    const signed = await signDecisions(decisions)
    expect(signed).toEqual(await createSigner(crypto, domain, sign)(decisions))
    const operator = crypto.addressOf(key(0xca))
    for (const { answer } of signed)
      expect(recoverContentSigner(crypto, domain, batchAnswerContent, answer)).toBe(operator)
  })

  test('a job that throws is told to who asked, and the thread works on', async () => {
    const { sign } = poolOf(1)
    await expect(sign([new Uint8Array(31)])).rejects.toThrow()
    expect(await sign([key(1)])).toHaveLength(1)
  })

  test('more than a thread can do in time is refused at once', async () => {
    const { sign } = poolOf(1)
    const jobs = Array.from({ length: 1100 }, () =>
      sign([key(1)]).then(
        () => 'done',
        (fault) => fault.code,
      ),
    )
    const ends = await Promise.all(jobs)
    expect(ends.filter((end) => end === 'done')).toHaveLength(1024)
    expect(ends.filter((end) => end === 'signatures-busy')).toHaveLength(76)
  })

  test('a pool that is closed fails what waits, and what comes', async () => {
    const { sign, close } = poolOf(1)
    await sign([key(1)])
    const many = Array.from({ length: 5000 }, () => key(1))
    // The first may be under way, and is finished.
    const [, , last] = [sign(many).catch(() => {}), sign(many).catch(() => {}), sign(many)]
    const failed = expect(last).rejects.toMatchObject({ code: 'signature-thread-lost' })
    await close()
    await failed
    await expect(sign([key(1)])).rejects.toMatchObject({ code: 'signature-thread-lost' })
  })

  test('a process that has only its pool to close ends in order, five times of five', async () => {
    const path = fileURLToPath(new URL('closing.fixture.ts', import.meta.url))
    for (let run = 0; run < 5; run++) {
      const { stdout } = await promisify(execFile)(process.execPath, [path])
      expect(stdout).toBe('closed\n')
    }
  }, 30_000)
})
