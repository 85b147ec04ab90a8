import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFrameReader, decodeFrame, encodeFrame, type Frame, maxFrameBytes } from './frame.ts'

const name = fc.stringMatching(/^[!-~]{1,64}$/)
const bytes = fc.uint8Array({ maxLength: 300 })
const id = fc.integer({ min: 0, max: 0xffff_ffff })
const u8 = fc.integer({ min: 0, max: 255 })
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant('hello'), major: u8, minor: u8 }),
  fc.record({ kind: fc.constant('request'), id, protocol: name, body: bytes }),
  fc.record({ kind: fc.constant('answer'), id, body: bytes }),
  fc.record({ kind: fc.constant('fault'), id, code: name }),
  fc.record({ kind: fc.constant('open'), id, protocol: name, header: bytes }),
  fc.record({ kind: fc.constant('data'), id, bytes: bytes.map((view) => Buffer.from(view)) }),
  fc.record({ kind: fc.constant('credit'), id, bytes: id }),
  fc.record({ kind: fc.constant('end'), id }),
  fc.record({ kind: fc.constant('reset'), id, code: name }),
  fc.record({ kind: fc.constant('goodbye'), reason: name }),
)

function readAll(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = []
  const reader = createFrameReader()
  for (const chunk of chunks) reader.read(chunk, (read) => frames.push(read) > 0)
  return frames
}

test('reads back every frame, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
      (frames, cuts) => {
        const whole = Buffer.concat(frames.map(encodeFrame))
        const chunks: Buffer[] = []
        for (let offset = 0; offset < whole.length; ) {
          const next = offset + cuts.next().value
          chunks.push(whole.subarray(offset, next))
          offset = next
        }
        expect(readAll(chunks).map(plain)).toEqual(frames.map(plain))
      },
    ),
  )
})

/** Views and copies compare by their bytes. */
const plain = (read: Frame): unknown =>
  Object.fromEntries(
    Object.entries(read).map(([key, value]) => [key, value instanceof Uint8Array ? [...value] : value]),
  )

test('answers any bytes with frames or one fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (garbage) => {
      try {
        decodeFrame(Buffer.from(garbage))
      } catch (error) {
        expect(error).toMatchObject({ code: 'frame-invalid' })
      }
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  ['a length of nothing', '00000000'],
  ['a length above the bound, before its bytes come', (maxFrameBytes + 1).toString(16).padStart(8, '0')],
  ['an unknown kind', '00000001ff'],
  ['a hello of something else', '0000000700485454500100'],
  ['a request without an id', '000000020100'],
  ['a name longer than its frame', '0000000701000000010541'],
  ['an empty name', '000000060100000001 00'.replace(' ', '')],
  ['a name with a line break', '00000007010000000101 0a'.replace(' ', '')],
  ['a fault with bytes after its code', '000000080300000001014100'],
  ['an end with more in it', '00000006070000000100'],
])('refuses %s', (_what, hex) => {
  expect(() => readAll([Buffer.from(hex, 'hex')])).toThrow('frame-invalid')
})
