import { readFileSync } from 'node:fs'
import { openApiParts } from '@myst/program'
import { expect, test } from 'vitest'
import { createHttpServer } from './http-server.ts'
import type { NetworkService } from './network-service.ts'
import { openApi } from './openapi.ts'

const { describedRoutes, writtenRoutes } = openApiParts

test('what /openapi.json describes is what there is', () => {
  const source = readFileSync(new URL('./http-server.ts', import.meta.url), 'utf8')
  const there = writtenRoutes(source)
  expect(there.length).toBeGreaterThan(8)
  expect(describedRoutes(openApi)).toEqual(there)
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
