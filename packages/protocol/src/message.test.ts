import { readVectors } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, type Hex, toHex } from './bytes.ts'
import type { CborMap, CborValue } from './cbor.ts'
import { batchAnswerSchema, batchSchema } from './exchange.ts'
import { invoiceSchema } from './invoice.ts'
import {
  address,
  bytes,
  count,
  decodeMessage,
  encodeMessage,
  field,
  flag,
  list,
  message,
  oneOf,
  optional,
  type Schema,
  text,
  uint,
  variants,
} from './message.ts'
import { paymentMessageSchema } from './session.ts'
import { signedPromiseSchema } from './signed-promise.ts'
import { capacityStatementSchema } from './statements.ts'
import { decodeCbor, encodeCbor, jsonOf } from './testing.ts'

const schemas = {
  invoice: invoiceSchema,
  signedPromise: signedPromiseSchema,
  batch: batchSchema,
  batchAnswer: batchAnswerSchema,
  capacityStatement: capacityStatementSchema,
  paymentMessage: paymentMessageSchema,
}
interface MessageVector {
  readonly schema: keyof typeof schemas
  readonly bytes: Hex
  readonly accepted: boolean
  readonly value?: unknown
}
const vectors = readVectors<MessageVector>('message')
const schemaOf = (name: keyof typeof schemas) => schemas[name] as unknown as Schema<unknown>

describe('published vectors', () => {
  test.each(vectors.filter(({ accepted }) => accepted))('$name', ({ schema, bytes, value }) => {
    const decoded = decodeMessage(schemaOf(schema), fromHex(bytes))
    if (!decoded.ok) throw new Error(JSON.stringify(decoded.refusal))
    expect(jsonOf(decoded.value)).toEqual(value)
    expect(toHex(encodeMessage(schemaOf(schema), decoded.value))).toBe(bytes)
  })

  test.each(vectors.filter(({ accepted }) => !accepted))('refuses: $name', ({ schema, bytes, why }) => {
    const decoded = decodeMessage(schemaOf(schema), fromHex(bytes))
    expect(decoded).toMatchObject({
      ok: false,
      refusal: { code: 'message-invalid', why: expect.stringContaining(why) },
    })
  })
})

describe('any bytes at all', () => {
  const rows = Object.keys(schemas) as (keyof typeof schemas)[]
  test.each(rows)('are a %s or a refusal, never a crash', (name) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const decoded = decodeMessage(schemaOf(name), bytes)
        if (!decoded.ok) expect(decoded.refusal.code).toBe('message-invalid')
      }),
      { numRuns: 300 },
    )
  })

  const good = vectors.filter(({ accepted }) => accepted)
  test.each(good)('that were $name, with one byte changed', ({ schema, bytes }) => {
    const whole = fromHex(bytes)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = whole.slice()
        changed[at] = byte
        const decoded = decodeMessage(schemaOf(schema), changed)
        if (decoded.ok) expect(encodeMessage(schemaOf(schema), decoded.value).length).toBeLessThanOrEqual(whole.length)
      }),
      { numRuns: 300 },
    )
  })
})

const everySchema = message({
  amount: field(0, uint(64)),
  many: field(1, count(10)),
  yes: field(2, flag),
  note: optional(3, text(5)),
  blob: field(4, bytes(4, 2)),
  who: field(5, address),
  some: field(6, list(uint(8), 2)),
  word: field(7, oneOf(['up', 'down'])),
})
const every = {
  amount: (1n << 64n) - 1n,
  many: 10,
  yes: true,
  note: 'hello',
  blob: Uint8Array.of(1, 2),
  who: `0x${'ab'.repeat(20)}`,
  some: [1n, 255n],
  word: 'up',
} as const

const encoded = decodeCbor(encodeMessage(everySchema, every)) as CborMap
const withEntry = (key: number, value: CborValue): Uint8Array => encodeCbor(new Map(encoded).set(key, value))
const whyNot = (bytes: Uint8Array): string => {
  const decoded = decodeMessage(everySchema, bytes)
  return decoded.ok ? 'accepted' : decoded.refusal.code === 'message-invalid' ? decoded.refusal.why : 'too large'
}

describe('every kind of field', () => {
  test('comes back', () => {
    expect(decodeMessage(everySchema, encodeMessage(everySchema, every))).toEqual({ ok: true, value: every })
  })

  test('may be absent where it is optional, and only there', () => {
    for (const key of encoded.keys()) {
      const without = new Map(encoded)
      without.delete(key)
      expect(whyNot(encodeCbor(without))).toMatch(key === 3 ? 'accepted' : 'is missing')
    }
  })

  test('of a newer version is ignored', () => {
    expect(decodeMessage(everySchema, withEntry(99, [1n, 'new']))).toEqual({ ok: true, value: every })
  })

  const bad: [what: string, key: number, value: CborValue, why: string][] = [
    ['65 bits', 0, 1n << 64n, 'amount: not an unsigned integer of 64 bits'],
    ['a count above its bound', 1, 11n, 'many: above 10'],
    ['a number for a flag', 2, 1n, 'yes: not a boolean'],
    ['text too long', 3, 'hello!', 'note: not text of at most 5'],
    ['bytes too few', 4, Uint8Array.of(1), 'blob: not bytes, 2 to 4'],
    ['bytes too many', 4, new Uint8Array(5), 'blob: not bytes, 2 to 4'],
    ['an address of 32 bytes', 5, new Uint8Array(32), 'who: not bytes, 20 to 20'],
    ['a list too long', 6, [1n, 2n, 3n], 'some: more than 2 items'],
    ['a bad item', 6, [1n, 256n], 'some: 1: not an unsigned integer of 8 bits'],
    ['no list', 6, 1n, 'some: not a list'],
    ['another word', 7, 'left', 'word: not one of up, down'],
  ]
  test.each(bad)('is refused: %s', (_, key, value, why) => expect(whyNot(withEntry(key, value))).toBe(why))
})

test('more bytes than a message may have are refused unread', () => {
  const long = new Uint8Array(65_537).fill(0xff)
  expect(decodeMessage(everySchema, long)).toEqual({
    ok: false,
    refusal: { code: 'message-too-large', bytes: 65_537, max: 65_536 },
  })
})

test('what it says of bad bytes is short, however long they are', () => {
  const refused = decodeMessage(variants({}), encodeCbor(['x'.repeat(60_000), new Map()]))
  expect(JSON.stringify(refused).length).toBeLessThan(300)
})

test('a kind is none that the language happens to have', () => {
  const kinds = variants({ good: message({}) })
  for (const kind of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    expect(decodeMessage(kinds, encodeCbor([kind, new Map()])).ok).toBe(false)
  }
  expect(decodeMessage(kinds, encodeCbor(['good', new Map()]))).toEqual({ ok: true, value: { kind: 'good' } })
})

test('runs the example of its page', () => {
  const pingSchema = message({ count: field(0, uint(64)), note: optional(1, text(80)) })
  expect(decodeMessage(pingSchema, encodeMessage(pingSchema, { count: 1n }))).toEqual({
    ok: true,
    value: { count: 1n },
  })
})
