/**
 * A hash for simulations: 32 bytes that differ where the input differs, at a tenth of what SHA-256 costs here. It resists
 * nobody who looks for a collision, and nobody does.
 *
 * The 128 bits of MurmurHash3 (x86, by Austin Appleby, public domain), finished twice for two times 16 bytes.
 *
 * @module
 */

const [c1, c2, c3, c4] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93]

const turned = (word: number, by: number) => (word << by) | (word >>> (32 - by))

function finished(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** One buffer for the input in whole blocks of 16 bytes, zeros after its end. It keeps the size of the largest. */
let words = new Int32Array(1024)
let bytes = new Uint8Array(words.buffer)

export function mixedHash(input: Uint8Array): Uint8Array {
  const blocks = (input.length + 15) >> 4
  if (blocks * 4 > words.length) {
    words = new Int32Array(8 * blocks)
    bytes = new Uint8Array(words.buffer)
  }
  bytes.set(input)
  bytes.fill(0, input.length, blocks * 16)
  let [h1, h2, h3, h4] = [0, 0, 0, 0]
  for (let at = 0; at < 4 * blocks; at += 4) {
    h1 ^= Math.imul(turned(Math.imul(words[at] as number, c1), 15), c2)
    h1 = (Math.imul((turned(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 ^= Math.imul(turned(Math.imul(words[at + 1] as number, c2), 16), c3)
    h2 = (Math.imul((turned(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 ^= Math.imul(turned(Math.imul(words[at + 2] as number, c3), 17), c4)
    h3 = (Math.imul((turned(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 ^= Math.imul(turned(Math.imul(words[at + 3] as number, c4), 18), c1)
    h4 = (Math.imul((turned(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  const hash = new Int32Array(8)
  for (let half = 0; half < 8; half += 4) {
    // Its length belongs to it: zeros at its end are not the padding's.
    let [a, b, c, d] = [h1 ^ input.length, h2 ^ input.length, h3 ^ input.length, h4 ^ (input.length + half)]
    a = (a + b + c + d) | 0
    ;[b, c, d] = [b + a, c + a, d + a]
    ;[a, b, c, d] = [finished(a), finished(b), finished(c), finished(d)]
    a = (a + b + c + d) | 0
    hash[half] = a
    hash[half + 1] = b + a
    hash[half + 2] = c + a
    hash[half + 3] = d + a
  }
  return new Uint8Array(hash.buffer)
}
