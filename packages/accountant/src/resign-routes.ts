/**
 * `POST /v1/resign`, without a body: the newest promise of whoever signed the request, in the signature of the present key.
 *
 * @module
 */

import { encodeMessage, resignReplySchema } from '@myst/protocol'
import type { FastifyInstance } from 'fastify'
import type { SignedRoutes } from './http-server.ts'
import type { Resign } from './resigning.ts'

export function addResignRoutes(server: FastifyInstance, { signerOf, send }: SignedRoutes, resign: Resign): void {
  server.post('/v1/resign', async (request, reply) => {
    const provider = signerOf(request, reply)
    if (provider === undefined) return reply
    return send(reply, encodeMessage(resignReplySchema, await resign(provider)))
  })
}
