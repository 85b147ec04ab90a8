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
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RecoveryService } from './recovery-service.ts'

export interface RecoveryRoutes {
  readonly recovery: Pick<RecoveryService, 'recover'>
  /** Copies the ledger to this path of this machine. @throws Fault. */
  backup(path: string): Promise<void>
  readonly operator: Address
}

/** Who signed the request; undefined after it was refused. */
type SignerOf = (request: FastifyRequest, reply: FastifyReply) => Address | undefined

const maxPathLength = 4096
const malformed = { code: 'request-malformed', message: 'The body is not what this call takes.', facts: {} }
const notOperator = { code: 'request-wrong-signer', message: 'This is for the operator alone.', facts: {} }

export function addRecoveryRoutes(server: FastifyInstance, signerOf: SignerOf, deps: RecoveryRoutes): void {
  server.post('/v1/recover', { bodyLimit: maxRecoverBytes }, async (request, reply) => {
    const provider = signerOf(request, reply)
    if (provider === undefined) return reply
    const offer = decodeMessage(recoverRequestSchema, bodyOf(request), maxRecoverBytes)
    if (!offer.ok) return reply.code(400).send(malformed)
    const answer = encodeMessage(recoverReplySchema, await deps.recovery.recover(provider, offer.value))
    return reply.type('application/cbor').send(Buffer.from(answer))
  })

  // The operator's own program asks, on the same machine: whoever holds its key could sign anything anyway.
  server.post('/v1/backup', { bodyLimit: maxPathLength }, async (request, reply) => {
    const signer = signerOf(request, reply)
    if (signer === undefined) return reply
    if (signer !== deps.operator) return reply.code(401).send(notOperator)
    await deps.backup(new TextDecoder().decode(bodyOf(request)))
    return { copied: true }
  })
}

const bodyOf = ({ body }: FastifyRequest) => (body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(0))
