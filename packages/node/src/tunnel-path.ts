/**
 * A path of the tunnel's own: both sides punch a UDP port, coordinated over the link, while the tunnel already runs on it.
 *
 * The consumer starts; the provider moves its end first, since the one who speaks first must find the other listening.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Link } from '@myst/link'
import { type PunchChannel, type PunchResult, punch } from '@myst/nat'
import {
  bytes,
  decodeMessage,
  emptySchema,
  encodeMessage,
  Fault,
  field,
  type MessageOf,
  message,
  type NetworkProfile,
  punchProtocol,
  variants,
} from '@myst/protocol'
import { isPublicUnicast, mayReach, type ProviderTunnel, parseEndpoint, type TunnelPath } from '@myst/vpn'

const secretField = { secret: field(0, bytes(32, 32)) }
const punchRequestSchema = variants({
  start: message(secretField),
  message: message({ body: field(0, bytes(256)) }),
  /** Answered once the provider's end has moved. */
  ready: message({}),
})
type Start = MessageOf<typeof secretField>

const empty = encodeMessage(emptySchema, {})
/** Until the provider's end has moved; a punch takes 3 s at most, the move milliseconds. */
const readyTimeoutMs = 5_000

interface PathOptions {
  readonly link: Link
  readonly profile: NetworkProfile
}

/** The consumer's side. @returns undefined where no path was found: the tunnel stays on the link. */
export async function findTunnelPath({
  link,
  profile,
  signal,
}: PathOptions & { readonly signal: AbortSignal }): Promise<TunnelPath | undefined> {
  const inbox = createInbox()
  link.onRequest(punchProtocol, (body) => {
    const received = decodeMessage(punchRequestSchema, body)
    if (!received.ok || received.value.kind !== 'message') throw new Fault('message-invalid')
    inbox.put(received.value.body)
    return empty
  })
  const secret = new Uint8Array(randomBytes(32))
  await link.request(punchProtocol, encodeMessage(punchRequestSchema, { kind: 'start', secret }))
  const found = await punchOver({ link, profile }, inbox, { secret, role: 'initiator', signal })
  if (found.kind !== 'direct') throw new Fault('no-direct-path', { reason: found.reason })
  const ready = encodeMessage(punchRequestSchema, { kind: 'ready' })
  await link.request(punchProtocol, ready, { signal, timeoutMs: readyTimeoutMs })
  return found
}

/** The provider's side: answers whoever the link belongs to. */
export function offerTunnelPath({
  link,
  profile,
  usePath,
  log,
}: PathOptions & {
  readonly usePath: NonNullable<ProviderTunnel['usePath']>
  readonly log: (line: string) => void
}): void {
  const inbox = createInbox()
  let moving: Promise<void> | undefined

  async function move({ secret }: Start): Promise<void> {
    const found = await punchOver({ link, profile }, inbox, { secret, role: 'responder' })
    if (found.kind !== 'direct') throw new Fault('no-direct-path', { reason: found.reason })
    await usePath(found)
  }

  link.onRequest(punchProtocol, async (body) => {
    const received = decodeMessage(punchRequestSchema, body)
    if (!received.ok) throw new Fault(received.refusal.code)
    switch (received.value.kind) {
      case 'start':
        if (moving !== undefined) throw new Fault('punch-already-started')
        moving = move(received.value)
        moving.catch((fault: Error) => log(`no path of its own: ${fault.message}`))
        return empty
      case 'message':
        inbox.put(received.value.body)
        return empty
      case 'ready':
        if (moving === undefined) throw new Fault('punch-not-started')
        await moving
        return empty
    }
  })
}

function punchOver(
  { link, profile }: PathOptions,
  inbox: Inbox,
  options: { readonly secret: Uint8Array; readonly role: 'initiator' | 'responder'; readonly signal?: AbortSignal },
): Promise<PunchResult> {
  const channel: PunchChannel = {
    async send(body) {
      await link.request(punchProtocol, encodeMessage(punchRequestSchema, { kind: 'message', body }))
    },
    receive: () => inbox,
  }
  const { publicRanges, publicEndpoints } = profile.exit
  const lab = { publicRanges, publicEndpoints, denied: [] }
  const mayDial = (host: string, port: number) => isPublicUnicast(host) || mayReach(lab, host, port)
  const servers = profile.stunServers.map((endpoint) => {
    const [host, port] = parseEndpoint(endpoint)
    return { host, port }
  })
  return punch({ channel, mayDial }, { ...options, servers })
}

interface Inbox extends AsyncIterable<Uint8Array> {
  put(body: Uint8Array): void
}

/** A punch exchanges four messages; whoever sends more is not punching. */
const maxWaiting = 16

function createInbox(): Inbox {
  const waiting: Uint8Array[] = []
  let wake: () => void = () => {}
  return {
    put(body) {
      if (waiting.length < maxWaiting) waiting.push(body)
      wake()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const next = waiting.shift()
        if (next !== undefined) yield next
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}
