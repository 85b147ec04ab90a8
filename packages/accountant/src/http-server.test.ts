import { readdirSync, readFileSync } from 'node:fs'
import { openApiParts } from '@myst/program'
import { expect, test } from 'vitest'
import { openApi } from './openapi.ts'

const { describedRoutes, writtenRoutes } = openApiParts
const here = new URL('./', import.meta.url)
const source = readdirSync(here)
  .filter((name) => name === 'http-server.ts' || name.endsWith('-routes.ts'))
  .map((name) => readFileSync(new URL(name, here), 'utf8'))
  .join('\n')

test('what /openapi.json describes is what there is', () => {
  const there = writtenRoutes(source)
  expect(there.length).toBeGreaterThan(14)
  expect(describedRoutes(openApi)).toEqual(there)
})

test('every code that the server answers with is described', () => {
  const codes = [...source.matchAll(/code: '([a-z-]+)'/g), ...source.matchAll(/\? '([a-z-]+)' : '([a-z-]+)'/g)]
  const described = JSON.stringify(openApi)
  expect(codes.length).toBeGreaterThan(3)
  const found = codes.flatMap(([, ...some]) => some)
  expect(found.filter((code) => !described.includes(`"${code}"`))).toEqual([])
})
