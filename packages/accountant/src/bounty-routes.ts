/**
 * Bounties over HTTP, for the operator's key alone: what was proven and given, and the grant of a plan.
 *
 * @module
 */

import { decodeMessage } from '@myst/protocol'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { BountyDesk, BountyRefusal } from './bounty-desk.ts'
import { bountyPlanSchema, isWellFormed, maxPlanBytes } from './bounty-grant.ts'
import type { SignedRoutes } from './http-server.ts'
import { bountyWords } from './refusal-words.ts'

export function addBountyRoutes(
  server: FastifyInstance,
  { isOperators, bodyOf, refuseBody }: SignedRoutes,
  bounties: BountyDesk,
): void {
  server.get('/v1/bounties', async (request, reply) => {
    if (!isOperators(request, reply)) return reply
    return inText(await bounties.standings())
  })

  server.post('/v1/bounties', { bodyLimit: maxPlanBytes }, async (request, reply) => {
    if (!isOperators(request, reply)) return reply
    const plan = decodeMessage(bountyPlanSchema, bodyOf(request), maxPlanBytes)
    if (!plan.ok || !isWellFormed(plan.value)) return refuseBody(reply)
    const granted = await bounties.grant(plan.value)
    if (!granted.ok) return refuse(reply, granted.refusal)
    return inText(granted.value)
  })
}

/** Amounts are decimal strings. */
const inText = (value: object): unknown =>
  JSON.parse(JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one)))

function refuse(reply: FastifyReply, { code, ...facts }: BountyRefusal): FastifyReply {
  return reply.code(422).send({ code, message: bountyWords[code], facts: inText(facts) })
}
