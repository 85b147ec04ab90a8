import { describe, expect, test } from 'vitest'
import { renderVectors, staleVectors, vectorFiles } from './vectors.ts'

const vectors = Object.entries(vectorFiles()).flatMap(([subject, { vectors }]) =>
  vectors.map((vector) => ({ subject, ...vector })),
)

test('the files are what the generator makes, byte for byte', () => {
  expect(staleVectors()).toEqual([])
})

test('the generator makes the same twice', () => {
  expect([...renderVectors()]).toEqual([...renderVectors()])
})

test('a changed or surplus file is noticed', () => {
  const files = renderVectors()
  files.set('promise.json', `${files.get('promise.json')} `)
  files.delete('price.json')
  expect(staleVectors(files)).toEqual(['promise.json', 'price.json'])
})

describe('every vector', () => {
  test('has a name of its own in its file, and says why it is there', () => {
    expect(new Set(vectors.map(({ subject, name }) => `${subject}/${name}`)).size).toBe(vectors.length)
    for (const { why } of vectors) expect(why.length).toBeGreaterThan(3)
  })

  test('counts: at least 60, 20 of them negative', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(200)
    expect(vectors.filter((vector) => 'accepted' in vector && vector.accepted === false).length).toBeGreaterThan(100)
  })
})
