import { readFileSync } from 'node:fs'
import { openApiParts } from '@myst/program'
import { expect, test } from 'vitest'
import { openApi } from './openapi.ts'

const { describedRoutes, writtenRoutes } = openApiParts

test('what /openapi.json describes is what there is', () => {
  const there = writtenRoutes(readFileSync(new URL('./http-server.ts', import.meta.url), 'utf8'))
  expect(there.length).toBeGreaterThan(10)
  expect(describedRoutes(openApi)).toEqual(there)
})

test('every code that the server answers with is described', () => {
  const source = readFileSync(new URL('./http-server.ts', import.meta.url), 'utf8')
  const codes = [...source.matchAll(/code: '([a-z-]+)'/g), ...source.matchAll(/\? '([a-z-]+)' : '([a-z-]+)'/g)]
  const described = JSON.stringify(openApi)
  expect(codes.length).toBeGreaterThan(3)
  const found = codes.flatMap(([, ...some]) => some)
  expect(found.filter((code) => !described.includes(`"${code}"`))).toEqual([])
})
