/**
 * Bytes on the wire: deterministic CBOR, and the messages made of it.
 *
 * @module
 */
import {
  type Batch,
  batchAnswerSchema,
  batchSchema,
  capacityStatementSchema,
  concatBytes,
  encodeMessage,
  fromHex,
  type Invoice,
  invoiceSchema,
  maxUint256,
  myst,
  noTicks,
  paymentMessageSchema,
  type Schema,
  signedPromiseSchema,
  toHex,
} from '@myst/protocol'
import { crypto, identityOf, keyOf, namedAddress, namedWord, toJson, type Vector, type VectorFile } from './vector.ts'

type Row = readonly [hex: string, notation: string]

/** RFC 8949, Appendix A: the rows of the subset that we speak. Bytes and texts are as the RFC prints them. */
const published: readonly Row[] = [
  ['00', '0'],
  ['01', '1'],
  ['0a', '10'],
  ['17', '23'],
  ['1818', '24'],
  ['1819', '25'],
  ['1864', '100'],
  ['1903e8', '1000'],
  ['1a000f4240', '1000000'],
  ['1b000000e8d4a51000', '1000000000000'],
  ['1bffffffffffffffff', '18446744073709551615'],
  ['c249010000000000000000', '18446744073709551616'],
  ['f4', 'false'],
  ['f5', 'true'],
  ['40', "h''"],
  ['4401020304', "h'01020304'"],
  ['60', '""'],
  ['6161', '"a"'],
  ['6449455446', '"IETF"'],
  ['62225c', '"\\"\\\\"'],
  ['62c3bc', '"ü"'],
  ['63e6b0b4', '"水"'],
  ['64f0908591', '"𐅑"'],
  ['80', '[]'],
  ['83010203', '[1, 2, 3]'],
  ['8301820203820405', '[1, [2, 3], [4, 5]]'],
  [
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
    `[${Array.from({ length: 25 }, (_, index) => index + 1).join(', ')}]`,
  ],
  ['a0', '{}'],
  ['a201020304', '{1: 2, 3: 4}'],
]

const own: readonly Row[] = [
  [`c25820${'ff'.repeat(32)}`, maxUint256.toString()],
  ['c2498000000000000000ff', ((1n << 71n) + 255n).toString()],
  ['a118181818', '{24: 24}'],
  ['a119ffff00', '{65535: 0}'],
]

/** Hex and what is wrong with it. */
const malformed: readonly Row[] = [
  ['', 'nothing at all'],
  ['18', 'the argument is missing'],
  ['1800', 'not the shortest form'],
  ['1817', 'not the shortest form'],
  ['190018', 'not the shortest form'],
  ['1900ff', 'not the shortest form'],
  ['1a0000ffff', 'not the shortest form'],
  ['1b00000000ffffffff', 'not the shortest form'],
  ['580161', 'not the shortest form, of a length'],
  ['780161', 'not the shortest form, of a text'],
  ['980101', 'not the shortest form, of an array'],
  ['1c', 'reserved'],
  ['1f', 'indefinite length'],
  ['20', 'negative'],
  ['3b7fffffffffffffff', 'negative'],
  ['f6', 'null'],
  ['f7', 'undefined'],
  ['f0', 'a simple value'],
  ['f815', 'a simple value in two bytes'],
  ['f93c00', 'a half float'],
  ['fa3f800000', 'a float'],
  ['fb3ff0000000000000', 'a double'],
  ['ff', 'a break by itself'],
  ['5f42010243030405ff', 'bytes of indefinite length'],
  ['7f657374726561646d696e67ff', 'text of indefinite length'],
  ['9f01ff', 'an array of indefinite length'],
  ['bf0102ff', 'a map of indefinite length'],
  ['c11a514b67b0', 'a tag that we do not speak'],
  ['c3490100000000000000', 'a negative bignum'],
  ['c201', 'a bignum of no bytes'],
  ['c240', 'an empty bignum'],
  ['c24101', 'a bignum that fits 64 bits'],
  ['c248ffffffffffffffff', 'a bignum that fits 64 bits'],
  ['c2490001020304050607ff', 'a bignum with a leading zero'],
  [`c25821${'ff'.repeat(33)}`, 'a bignum above 256 bits'],
  ['4401', 'bytes cut short'],
  ['6461', 'text cut short'],
  ['830102', 'an array cut short'],
  ['a1', 'a map cut short'],
  ['a101', 'a key without a value'],
  ['0000', 'a byte left over'],
  ['61ff', 'not UTF-8'],
  ['62c080', 'an overlong zero'],
  ['63eda080', 'half a surrogate pair'],
  ['a203040102', 'keys out of order'],
  ['a201020103', 'a key twice'],
  ['a1616101', 'a key of text'],
  ['a1200101', 'a negative key'],
  ['a11a0001000000', 'a key above 65,535'],
  ['9bffffffffffffffff', 'an array of 2⁶⁴ − 1'],
  ['9a7fffffff00', 'an array of 2³¹ − 1'],
  ['bb000000010000000000', 'a map of 2³²'],
  ['5bffffffffffffffff', 'bytes of 2⁶⁴ − 1'],
  ['7a7fffffff', 'text of 2³¹ − 1'],
  [`${'81'.repeat(9)}00`, 'nine arrays deep'],
  ['81'.repeat(200), 'two hundred arrays deep'],
]

export function cborVectors(): VectorFile {
  const good =
    (why: string) =>
    ([hex, notation]: Row) => ({
      name: notation.slice(0, 60),
      why,
      bytes: `0x${hex}`,
      accepted: true,
      notation,
    })
  const bad = ([hex, why]: Row) => ({ name: `${why}: ${hex.slice(0, 24)}`, why, bytes: `0x${hex}`, accepted: false })
  return {
    about: 'One value, one encoding: what is accepted is accepted in these bytes alone. `notation` is RFC 8949 §8.',
    vectors: [
      ...published.map(good('RFC 8949, Appendix A')),
      ...own.map(good('integers up to 256 bits, keys up to 65,535')),
      ...malformed.map(bad),
    ],
  }
}

const alice = identityOf('alice')
const bob = identityOf('bob')

const invoice: Invoice = {
  agreementId: namedWord('agreement 1'),
  total: myst / 1000n,
  hashlock: namedWord('lock 1'),
  durationMs: 5_000n,
  bytes: 1n << 20n,
}
const promise = {
  consumer: alice,
  promise: {
    amount: myst,
    hashlock: namedWord('lock 1'),
    agreement: { id: namedWord('agreement 1'), provider: bob, total: myst / 1000n },
    ticks: noTicks,
  },
  signature: crypto.sign(fromHex(namedWord('a digest')), keyOf('alice')),
}
const batch: Batch = {
  provider: bob,
  epoch: 1_843_200_000_000_001n,
  hashlock: namedWord('lock 2'),
  previousAmount: 5n * myst,
  lastPreimage: fromHex(namedWord('preimage 1')),
  items: [promise],
}
const answer = {
  provider: bob,
  epoch: batch.epoch,
  digest: namedWord('digest'),
  feeRate: 2000,
  credited: 8n,
  fee: 2n,
  promise: {
    provider: bob,
    amount: 5n * myst + 8n,
    hashlock: namedWord('lock 2'),
    epoch: batch.epoch,
    signature: crypto.sign(fromHex(namedWord('a digest')), keyOf('carol')),
  },
  verdicts: [{ delta: 10n }, { code: 'promise-over-capacity', delta: 0n, final: false }],
}
const statement = {
  channel: namedAddress('channel'),
  consumer: alice,
  capacity: 10n * myst,
  promised: myst,
  exitPending: false,
  issuedAtMs: 1_800_000_000_000n,
}

export function messageVectors(): VectorFile {
  const good = <T>(schemaName: string, schema: Schema<T>, name: string, value: T): Vector => ({
    name,
    why: 'round trip, the same bytes again',
    schema: schemaName,
    bytes: toHex(encodeMessage(schema, value)),
    accepted: true,
    value: toJson(value),
  })
  const bad = (name: string, schema: string, bytes: Uint8Array, why: string): Vector => ({
    name,
    why,
    schema,
    bytes: toHex(bytes),
    accepted: false,
  })
  const bytes = encodeMessage(invoiceSchema, invoice)
  /** The invoice with one of its entries replaced, all of them in order. */
  const patched = (key: number, item: string): Uint8Array => {
    const items = ['5820', '1b00038d7ea4c68000', '5820', '191388', '1a00100000'].map((head, index) => {
      const body = index === 0 ? invoice.agreementId.slice(2) : index === 2 ? invoice.hashlock.slice(2) : ''
      return `${index.toString(16).padStart(2, '0')}${index === key ? item : head + body}`
    })
    return fromHex(`0xa5${items.join('')}`)
  }
  return {
    about:
      'Messages: maps with integer keys. Unknown keys are ignored; missing, misshapen and oversized fields are refused.',
    vectors: [
      good('invoice', invoiceSchema, 'an invoice', invoice),
      good('invoice', invoiceSchema, 'a final invoice', { ...invoice, final: true }),
      good('signedPromise', signedPromiseSchema, 'a signed promise', promise),
      good('batch', batchSchema, 'a batch', batch),
      good('batch', batchSchema, 'a first batch, empty', { ...withoutPreimage(batch), previousAmount: 0n, items: [] }),
      good('batchAnswer', batchAnswerSchema, 'an answer', answer),
      good('capacityStatement', capacityStatementSchema, 'a capacity statement', statement),
      good('paymentMessage', paymentMessageSchema, 'an invoice on the wire', { kind: 'invoice', invoice }),
      bad('nothing', 'invoice', new Uint8Array(0), 'cut short'),
      bad('an empty map', 'invoice', fromHex('0xa0'), 'agreementId is missing'),
      bad('an array', 'invoice', fromHex('0x80'), 'not a map'),
      bad('cut short', 'invoice', bytes.subarray(0, bytes.length - 1), 'cut short'),
      bad('a byte more', 'invoice', concatBytes(bytes, Uint8Array.of(0)), 'left over'),
      bad('an id of 31 bytes', 'invoice', patched(0, `581f${'11'.repeat(31)}`), 'agreementId: not bytes, 32 to 32'),
      bad('an id of 33 bytes', 'invoice', patched(0, `5821${'11'.repeat(33)}`), 'agreementId: not bytes, 32 to 32'),
      bad('an id of text', 'invoice', patched(0, '6161'), 'agreementId: not bytes, 32 to 32'),
      bad('a total of bytes', 'invoice', patched(1, '4101'), 'total: not an unsigned integer of 256 bits'),
      bad('a negative total', 'invoice', patched(1, '20'), 'unsupported type'),
      bad('a float', 'invoice', patched(1, 'f93c00'), 'unsupported head'),
      bad('2²⁵⁶', 'invoice', patched(1, `c25821${'01'.repeat(33)}`), 'bignum'),
      bad(
        'a duration above 2⁵³',
        'invoice',
        patched(3, '1b0020000000000000'),
        'durationMs: not an unsigned integer of 53',
      ),
      bad('a signature of 64 bytes', 'signedPromise', signedPromiseWith(64), 'signature: not bytes, 65 to 65'),
      bad('a signature of 66 bytes', 'signedPromise', signedPromiseWith(66), 'signature: not bytes, 65 to 65'),
      bad('an unknown kind', 'paymentMessage', fromHex('0x826461626364a0'), 'unknown kind abcd'),
      bad('a kind of the language', 'paymentMessage', fromHex('0x82695f5f70726f746f5f5fa0'), 'unknown kind __proto__'),
      bad('a kind without a body', 'paymentMessage', fromHex('0x8167696e766f696365'), 'not a variant'),
    ],
  }
}

function withoutPreimage({ lastPreimage: _, ...rest }: Batch): Omit<Batch, 'lastPreimage'> {
  return rest
}

/** The last field is the signature: 06 58 41, then its 65 bytes. */
function signedPromiseWith(length: number): Uint8Array {
  const whole = encodeMessage(signedPromiseSchema, promise)
  const upTo = whole.length - 67
  return concatBytes(whole.subarray(0, upTo), Uint8Array.of(0x58, length), new Uint8Array(length).fill(7))
}
