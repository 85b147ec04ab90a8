import { expect, test } from 'vitest'
import type { Route } from './route.ts'
import { routes } from './routes.ts'

const all: readonly (readonly [string, Route])[] = Object.entries(routes)

test('no two routes are the same', () => {
  const names = all.map(([, { method, path }]) => `${method} ${path}`)
  expect(new Set(names).size).toBe(names.length)
})

test.each(all)('%s names no field twice over path, query and body', (_name, { params, query, body }) => {
  const fields = [params, query, body].flatMap((schema) => Object.keys(schema?.properties ?? {}))
  expect(new Set(fields).size).toBe(fields.length)
})

test.each(all)('%s describes the parameters that its path has', (_name, { path, params }) => {
  const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name)
  expect(Object.keys(params?.properties ?? {})).toEqual(named)
})

test.each(all)('%s refuses fields that it does not know', (_name, { params, query, body }) => {
  for (const schema of [params, query, body]) {
    if (schema !== undefined) expect(schema).toMatchObject({ additionalProperties: false })
  }
})

test.each(all)('%s takes a body where it writes, and only there', (_name, { method, body }) => {
  expect(body !== undefined).toBe(method === 'PUT' || method === 'POST')
})
