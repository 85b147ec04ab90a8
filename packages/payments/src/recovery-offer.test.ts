import { describe, expect, test } from 'vitest'
import { nextOffer, type Offer } from './recovery-offer.ts'

const kept = [3n, 5n, 8n]
const batch = (epoch: bigint): Offer => ({ kind: 'batch', epoch })
const afterHole = (epoch: bigint): Offer => ({ kind: 'batch-after-hole', epoch })
const newestAlone: Offer = { kind: 'newest' }

describe('offers', () => {
  test.each<[known: bigint | undefined, offer: ReturnType<typeof nextOffer>]>([
    [undefined, batch(3n)],
    [2n, batch(3n)],
    [3n, batch(5n)],
    [4n, batch(5n)],
    [5n, batch(8n)],
    [8n, 'done'],
    [9n, 'done'],
  ])('to an accountant that knows %s', (known, offer) => {
    expect(nextOffer({ kept, newest: 8n, known })).toEqual(offer)
  })

  test('the newest promise alone, where nothing was kept of it', () => {
    expect(nextOffer({ kept: [], newest: 8n })).toEqual(newestAlone)
    expect(nextOffer({ kept, newest: 9n, known: 8n })).toEqual(newestAlone)
  })

  test('nothing above its own newest promise', () => {
    expect(nextOffer({ kept, newest: 6n, known: 5n })).toEqual(newestAlone)
  })
})

describe('after a refusal', () => {
  test.each<[code: string, offer: Offer, next: ReturnType<typeof nextOffer>]>([
    ['recovery-hole', batch(5n), afterHole(5n)],
    ['recovery-wrong-preimage', afterHole(5n), newestAlone],
    ['recovery-wrong-lock', batch(5n), newestAlone],
    ['recovery-wrong-signer', batch(5n), newestAlone],
    ['recovery-breaks-prefix', batch(5n), 'later'],
    ['accountant-unavailable', afterHole(5n), 'later'],
    ['recovery-wrong-preimage', newestAlone, 'later'],
  ])('%s', (code, offer, next) => {
    expect(nextOffer({ kept, newest: 8n, known: 3n, refused: { offer, code } })).toEqual(next)
  })
})
