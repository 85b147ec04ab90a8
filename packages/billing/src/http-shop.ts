/**
 * A shop over HTTP: every request to a service costs the same, and what is due is asked for with status 402.
 *
 * Four calls beside the service's own, under `/.well-known/myst/`: `GET offer` (JSON), `POST tab` opens one (a signed request
 * whose body is a capacity statement), `POST promises` pays, `POST end` asks for what is due last. `myst-tab` names the tab of
 * a request. A 402 carries the invoice. What the shop says by itself has the header `myst-shop`.
 *
 * @module
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { decodeMessage, encodeMessage, Fault, paymentMessageSchema, type SignedPromise } from '@myst/protocol'
import type { Shop } from './shop.ts'
import type { Tab } from './tab.ts'
import { pricePerUnit, unitsUsed } from './units.ts'

export const shopPaths = {
  offer: '/.well-known/myst/offer',
  tab: '/.well-known/myst/tab',
  promises: '/.well-known/myst/promises',
  end: '/.well-known/myst/end',
} as const
export const tabHeader = 'myst-tab'
export const shopHeader = 'myst-shop'

/** One promise of a customer, or those that a crash left on record. */
const maxBodyBytes = 64 << 10

type Answer = readonly [status: number, body: Uint8Array | object]

/** @param perRequest base units. @param serve answers a request that is paid for. */
export function sellRequests(shop: Shop, perRequest: bigint, serve: RequestListener): RequestListener {
  const price = pricePerUnit(perRequest)
  /** With its tab, an entry goes. */
  const served = new WeakMap<Tab, bigint>()
  const offer = { provider: shop.provider, accountant: shop.desk.accountant.address, perRequest: String(perRequest) }

  function openTab(request: IncomingMessage, body: Uint8Array): Answer {
    const asked = { method: 'POST', path: shopPaths.tab, body }
    const tab = shop.open(asked, request.headers.authorization, request.socket.remoteAddress ?? '', price)
    return tab.ok ? [402, invoiceOf(tab.value)] : [403, { code: tab.refusal.code }]
  }

  function takePromises(body: Uint8Array): Answer {
    const paid = decodeMessage(paymentMessageSchema, body)
    if (!paid.ok || paid.value.kind !== 'promises') return [400, { code: 'request-malformed' }]
    const codes = paid.value.promises.map(refusalOf).filter((code) => code !== undefined)
    for (const { promise } of paid.value.promises) closeIfPaid(shop.tab(promise.agreement.id))
    return codes.length === 0 ? [200, {}] : [403, { code: codes[0] }]
  }

  /** What is paid already is none: answers get lost, and requests beside each other pay the same invoice. */
  function refusalOf(signed: SignedPromise): string | undefined {
    const { id, total } = signed.promise.agreement
    const taken = shop.take(signed)
    if (taken.ok) return undefined
    const isPaid = total <= (shop.tab(id)?.state.paidTotal ?? 0n)
    return taken.refusal.code === 'promise-no-such-invoice' && isPaid ? undefined : taken.refusal.code
  }

  function closeIfPaid(tab: Tab | undefined): void {
    if (tab?.state.phase === 'ended' && tab.due === undefined) tab.close()
  }

  function end(request: IncomingMessage): Answer {
    const tab = shop.tab(String(request.headers[tabHeader]))
    if (tab === undefined) return [401, { code: 'tab-unknown' }]
    tab.finish(unitsUsed(served.get(tab) ?? 0n))
    closeIfPaid(tab)
    return tab.due === undefined ? [200, {}] : [402, invoiceOf(tab)]
  }

  /** @returns undefined where it may be served: then it is counted. */
  function charge(request: IncomingMessage): Answer | undefined {
    const tab = shop.tab(String(request.headers[tabHeader]))
    if (tab === undefined) return [401, { code: 'tab-unknown' }]
    const requests = (served.get(tab) ?? 0n) + 1n
    tab.count(unitsUsed(requests))
    if (tab.due !== undefined) return [402, invoiceOf(tab)]
    // Its grace is over: nothing brings it back.
    closeIfPaid(tab)
    if (tab.state.phase === 'ended') return [401, { code: 'tab-unknown' }]
    if (tab.state.phase !== 'serving') return [503, { code: 'accountant-unavailable' }]
    served.set(tab, requests)
    return undefined
  }

  async function answer(request: IncomingMessage): Promise<Answer | undefined> {
    const asked = call(request)
    if (asked === `GET ${shopPaths.offer}`) return [200, offer]
    if (asked === `POST ${shopPaths.tab}`) return openTab(request, await bodyOf(request))
    if (asked === `POST ${shopPaths.promises}`) return takePromises(await bodyOf(request))
    if (asked === `POST ${shopPaths.end}`) return end(request)
    return charge(request)
  }

  /** A disk that fails, or a bug: for the operator, not for who asked. */
  function failed(asked: string, cause: unknown): Answer {
    if (cause instanceof Fault && cause.code === 'request-malformed') return [400, { code: cause.code }]
    // Without what was asked for: that is not the log's.
    shop.log(`${asked.split('?', 1)[0]?.slice(0, 80)} failed: ${cause instanceof Error ? cause.message : cause}`)
    return [500, { code: 'internal' }]
  }

  return (request, response) => {
    answer(request).then(
      (answered) => (answered === undefined ? serve(request, response) : send(response, answered)),
      (cause) => send(response, failed(call(request), cause)),
    )
  }
}

const call = ({ method, url }: IncomingMessage): string => `${method} ${url}`

function invoiceOf({ due }: Tab): Uint8Array {
  if (due === undefined) throw new Fault('invoice-missing')
  return encodeMessage(paymentMessageSchema, { kind: 'invoice', invoice: due })
}

function send(response: ServerResponse, [status, body]: Answer): void {
  const isBytes = body instanceof Uint8Array
  response
    .writeHead(status, { 'content-type': isBytes ? 'application/cbor' : 'application/json', [shopHeader]: '1' })
    .end(isBytes ? body : JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of request) {
      bytes += part.length
      if (bytes > maxBodyBytes) throw new RangeError(`above ${maxBodyBytes}`)
      parts.push(part)
    }
  } catch (cause) {
    // Too long, or he who asks has hung up.
    throw new Fault('request-malformed', { bytes }, { cause })
  }
  return new Uint8Array(Buffer.concat(parts))
}
