/**
 * A purse over HTTP: `fetch` that pays what a shop asks for, and no more than was agreed.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises'
import {
  type Bytes32,
  decodeMessage,
  encodeMessage,
  Fault,
  type Invoice,
  isAddress,
  parseBaseUnits,
  paymentMessageSchema,
  type SignedPromise,
} from '@myst/protocol'
import { shopHeader, shopPaths, tabHeader } from './http-shop.ts'
import type { Bill, Purse } from './purse.ts'
import { pricePerUnit, unitsUsed } from './units.ts'

export interface PayingClient {
  /** @throws Fault `shop-unreachable`, `shop-refused`, `shop-too-dear`, `invoice-refused` with its code, `shop-unpayable`. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Requests that were served so far. */
  readonly requests: bigint
  /** Pays what is due last. @returns whether the shop has all that it can have. */
  close(): Promise<boolean>
}

export interface PayingTerms {
  /** Base units; a shop that asks more is not used. */
  readonly mostPerRequest: bigint
  readonly budget: bigint
}

/** An invoice is answered at once; a tab whose credit is used up waits for the accountant, some seconds. */
const maxTries = 60
/** Promises of tabs that never ended properly, beside the first of a new one; a message takes 64. */
const maxRepeated = 63
const waitMs = 250

export async function payingClient(purse: Purse, url: string, terms: PayingTerms): Promise<PayingClient> {
  const { provider, price } = await readOffer()
  let requests = 0n
  let bill: Bill | undefined

  async function call(path: string, init: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(new URL(path, url), init)
    } catch (cause) {
      throw new Fault('shop-unreachable', { url }, { cause })
    }
  }

  async function readOffer() {
    const offer = (await (await call(shopPaths.offer)).json()) as { provider?: unknown; perRequest?: unknown }
    const perRequest = parseBaseUnits(offer.perRequest)
    if (!isAddress(offer.provider) || !perRequest.ok) throw new Fault('shop-refused', { url, why: 'its offer' })
    if (perRequest.value > terms.mostPerRequest) throw new Fault('shop-too-dear', { url, asks: perRequest.value })
    return { provider: offer.provider, price: pricePerUnit(perRequest.value) }
  }

  async function openTab(): Promise<Bill> {
    const { headers, method, body } = await purse.ask(provider, shopPaths.tab)
    const response = await call(shopPaths.tab, { method, headers, body: Buffer.from(body) })
    if (response.status !== 402) throw await refusedBy(response)
    const invoice = await invoiceIn(response)
    const opened: Bill = { provider, agreementId: invoice.agreementId, price, budget: terms.budget }
    const recorded = purse.recorded(provider).slice(-maxRepeated)
    await send([promiseFor(invoice, opened, requests + 1n), ...recorded])
    for (const { promise } of recorded) purse.close({ provider, agreementId: promise.agreement.id }, true)
    requests = 0n
    return opened
  }

  function promiseFor(invoice: Invoice, of: Bill, counted: bigint): SignedPromise {
    const promise = purse.pay(invoice, of, unitsUsed(counted))
    if (!promise.ok) throw new Fault('invoice-refused', { url, code: promise.refusal.code })
    return promise.value
  }

  async function send(promises: readonly SignedPromise[]): Promise<void> {
    const body = Buffer.from(encodeMessage(paymentMessageSchema, { kind: 'promises', promises }))
    const response = await call(shopPaths.promises, { method: 'POST', body })
    if (!response.ok) throw await refusedBy(response)
  }

  async function refusedBy(response: Response): Promise<Fault> {
    return new Fault('shop-refused', { url, status: response.status, why: (await response.text()).slice(0, 200) })
  }

  async function invoiceIn(response: Response): Promise<Invoice> {
    const message = decodeMessage(paymentMessageSchema, new Uint8Array(await response.arrayBuffer()))
    if (message.ok && message.value.kind === 'invoice') return message.value.invoice
    throw new Fault('shop-refused', { url, why: 'its invoice' })
  }

  async function payLast(of: Bill): Promise<boolean> {
    const response = await call(shopPaths.end, { method: 'POST', headers: { [tabHeader]: of.agreementId } })
    if (response.status !== 402) return response.ok
    await send([promiseFor(await invoiceIn(response), of, requests)])
    return true
  }

  return {
    get requests() {
      return requests
    },
    async fetch(path, init = {}) {
      for (let tries = 0; tries < maxTries; tries++) {
        bill ??= await openTab()
        const headers = new Headers(init.headers)
        headers.set(tabHeader, bill.agreementId satisfies Bytes32)
        const response = await call(path, { ...init, headers })
        if (!response.headers.has(shopHeader)) {
          requests += 1n
          return response
        }
        // The request that is asked for now is in that invoice already.
        if (response.status === 402) await send([promiseFor(await invoiceIn(response), bill, requests + 1n)])
        else if (response.status === 401) bill = undefined
        else if (response.status === 503) await setTimeout(waitMs)
        else throw await refusedBy(response)
      }
      throw new Fault('shop-unpayable', { url, tries: maxTries })
    },
    async close() {
      if (bill === undefined) return true
      const ended = bill
      bill = undefined
      const settled = await payLast(ended).catch((fault) => {
        if (!(fault instanceof Fault)) throw fault
        return false
      })
      purse.close(ended, settled)
      return settled
    },
  }
}
