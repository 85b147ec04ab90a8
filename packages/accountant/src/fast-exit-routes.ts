/**
 * `POST /v1/fast-exit`: the body is the `FastExit`, CBOR; who signed the request is whose channel it is.
 *
 * @module
 */

import { decodeMessage, encodeMessage, fastExitReplySchema, fastExitSchema } from '@myst/protocol'
import type { FastifyInstance } from 'fastify'
import type { FastExits } from './fast-exits.ts'
import type { SignedRoutes } from './http-server.ts'

export function addFastExitRoutes(server: FastifyInstance, routes: SignedRoutes, fastExits: FastExits): void {
  server.post('/v1/fast-exit', async (request, reply) => {
    const consumer = routes.signerOf(request, reply)
    if (consumer === undefined) return reply
    const exit = decodeMessage(fastExitSchema, routes.bodyOf(request))
    if (!exit.ok) return routes.refuseBody(reply)
    return routes.send(reply, encodeMessage(fastExitReplySchema, await fastExits.open(consumer, exit.value)))
  })
}
