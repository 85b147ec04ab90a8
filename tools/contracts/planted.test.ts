import { expect, test } from 'vitest'
import { stalePlants } from './planted.ts'
import { plants } from './plants.ts'
import { plantsBesides } from './plants-besides.ts'

const asked = 'W6 W7 W16 W17 W18 W20 W22 W23 W24 W25 W26 W28 W31 W32 W33 W34 W35 W36'.split(' ')

test('plants every mistake that a contract can make, each under a name of its own', () => {
  const numbers = new Set(plants.map(({ name }) => name.replace(/[a-z]$/, '')))
  expect(asked.filter((number) => !numbers.has(number))).toEqual([])
  const names = [...plants, ...plantsBesides].map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('finds the text of every plant once in the sources', () => {
  expect(stalePlants()).toEqual([])
})

test('refuses a plant whose text is gone or stands twice', () => {
  const [plant] = plants
  if (plant === undefined) throw new Error('there are no plants')
  const [edit] = plant.edits
  if (edit === undefined) throw new Error('the first plant changes nothing')
  const gone = { ...plant, edits: [{ ...edit, find: 'nobody wrote this' }] }
  const twice = { ...plant, edits: [{ ...edit, find: 'revert' }] }
  expect(stalePlants([gone, twice])).toHaveLength(2)
})
