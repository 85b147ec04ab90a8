/**
 * Recovery over HTTP: providers offer what they were answered, one batch with each request.
 *
 * @module
 */

import {
  type Address,
  decodeMessage,
  encodeMessage,
  maxRecoverBytes,
  recoverReplySchema,
  recoverRequestSchema,
} from '@myst/protocol'
import type { FastifyInstance } from 'fastify'
import type { SignedRoutes } from './http-server.ts'
import type { RecoveryService } from './recovery-service.ts'

export interface RecoveryRoutes {
  readonly recovery: Pick<RecoveryService, 'recover'>
  /** Copies the ledger to this path of this machine. @throws Fault. */
  backup(path: string): Promise<void>
  readonly operator: Address
}

/** `PATH_MAX` of Linux: a longer path opens nothing. */
const maxPathLength = 4096

export function addRecoveryRoutes(server: FastifyInstance, routes: SignedRoutes, deps: RecoveryRoutes): void {
  server.post('/v1/recover', { bodyLimit: maxRecoverBytes }, async (request, reply) => {
    const provider = routes.signerOf(request, reply)
    if (provider === undefined) return reply
    const offer = decodeMessage(recoverRequestSchema, routes.bodyOf(request), maxRecoverBytes)
    if (!offer.ok) return routes.refuseBody(reply)
    return routes.send(reply, encodeMessage(recoverReplySchema, await deps.recovery.recover(provider, offer.value)))
  })

  // The operator's own program asks, on the same machine: whoever holds its key could sign anything anyway.
  server.post('/v1/backup', { bodyLimit: maxPathLength }, async (request, reply) => {
    if (!routes.isOperators(request, reply)) return reply
    await deps.backup(new TextDecoder().decode(routes.bodyOf(request)))
    return { copied: true }
  })
}
