import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createHttpServer } from './http-server.ts'
import type { NetworkService } from './network-service.ts'
import { openApi } from './openapi.ts'

test('what /openapi.json describes is what there is', () => {
  const source = readFileSync(new URL('./http-server.ts', import.meta.url), 'utf8')
  const written = [...source.matchAll(/server\.(get|post)(?:<[^(]*>)?\(\s*[`'](?:\$\{prefix\})?([^`']+)[`']/g)]
  const there = written.map(([, method, path = '']) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const described = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(there.length).toBeGreaterThan(8)
  expect(described.sort()).toEqual(there.sort())
})

test('a stranger learns nothing from an error but its code', async () => {
  const broken = {
    networkId: 'devnet',
    status: () => Promise.reject(new Error('a private detail')),
  } as unknown as NetworkService
  const logged: string[] = []
  const server = createHttpServer({ networks: [broken], trustProxy: false, log: (line) => logged.push(line) })
  const answer = await server.inject({ url: '/v1/status' })
  expect([answer.statusCode, answer.json().code]).toEqual([500, 'internal'])
  expect(answer.body).not.toContain('private')
  expect(logged.join()).toContain('a private detail')
  const large = await server.inject({ method: 'POST', url: '/v1/requests', payload: Buffer.alloc(20_000) })
  expect([large.statusCode, large.json().code]).toEqual([422, 'request-malformed'])
  await server.close()
})
