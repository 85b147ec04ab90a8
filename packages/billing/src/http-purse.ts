/**
 * A purse over HTTP: `fetch` that pays what a shop asks for, and no more than was agreed.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import {
  decodeMessage,
  encodeMessage,
  Fault,
  type Invoice,
  isAddress,
  parseBaseUnits,
  paymentMessageSchema,
  type SignedPromise,
} from '@myst/protocol'
import { bodyOf } from './answer-body.ts'
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
  /** The most that this client promises, over all its tabs. */
  readonly budget: bigint
}

/** An invoice is answered at once; a tab whose credit is used up waits for the accountant, some seconds. */
const maxTries = 60
/** Each costs a first payment: for one request the old one may be over, and the new one too if the shop starts anew just then. */
const maxTabs = 2
/** Promises of tabs that never ended properly; a message takes 64. */
const maxRepeated = 64
/** Sixty tries are a quarter of a minute: a credit that is used up waits some seconds for the accountant. */
const waitMs = 250
/** Offers, invoices, codes. */
const maxAnswerBytes = 16 << 10
/** For what the shop says by itself; what is paid for may take longer. */
const answerMs = 10_000

interface OpenTab {
  readonly bill: Bill
  /** Promised on it so far. */
  paid: bigint
  requests: bigint
  isOver: boolean
}

export async function payingClient(purse: Purse, url: string, terms: PayingTerms): Promise<PayingClient> {
  const { provider, price } = await readOffer()
  let tab: OpenTab | undefined
  let opening: Promise<OpenTab> | undefined
  let paying: Promise<unknown> = Promise.resolve()
  /** Promised on tabs that are over: the budget is one for all of them. */
  let spent = 0n
  let requests = 0n
  /** Asked for and not answered: the shop may have counted them. */
  let underway = 0n

  async function call(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(new URL(path, url), init)
    } catch (cause) {
      throw new Fault('shop-unreachable', { url }, { cause })
    }
  }

  function ask(path: string, init: RequestInit = {}): Promise<Response> {
    return call(path, { redirect: 'error', ...init, signal: AbortSignal.timeout(answerMs) })
  }

  async function readOffer() {
    const offer = jsonIn(await bytesOf(await ask(shopPaths.offer)))
    const perRequest = parseBaseUnits(offer?.perRequest)
    if (!isAddress(offer?.provider) || !perRequest.ok) throw new Fault('shop-refused', { url, why: 'its offer' })
    if (perRequest.value > terms.mostPerRequest) throw new Fault('shop-too-dear', { url, asks: perRequest.value })
    return { provider: offer.provider, price: pricePerUnit(perRequest.value) }
  }

  /** However many requests need it: one. */
  function currentTab(): Promise<OpenTab> {
    if (tab !== undefined) return Promise.resolve(tab)
    opening ??= openTab().finally(() => {
      opening = undefined
    })
    return opening
  }

  async function openTab(): Promise<OpenTab> {
    const { headers, method, body } = await purse.ask(provider, shopPaths.tab)
    const response = await ask(shopPaths.tab, { method, headers, body: Buffer.from(body) })
    if (response.status !== 402) throw await refusedBy(response)
    const invoice = await invoiceIn(response)
    const bill: Bill = { provider, agreementId: invoice.agreementId, price, budget: terms.budget - spent }
    const opened: OpenTab = { bill, paid: 0n, requests: 0n, isOver: false }
    try {
      await pay(opened, invoice)
    } catch (cause) {
      leave(opened, false)
      throw cause
    }
    tab = opened
    await repeatRecorded()
    return opened
  }

  /** What the shop has already, or has forgotten, it refuses: shown it was, and that is all we owe. */
  async function repeatRecorded(): Promise<void> {
    const recorded = purse.recorded(provider).slice(-maxRepeated)
    if (recorded.length === 0) return
    const response = await send(recorded)
    if (!response.ok && response.status !== 403) throw await refusedBy(response)
    for (const { promise } of recorded) purse.close({ provider, agreementId: promise.agreement.id }, true)
  }

  function leave(left: OpenTab, settled: boolean): void {
    if (left.isOver) return
    left.isOver = true
    if (tab === left) tab = undefined
    spent += left.paid
    purse.close(left.bill, settled)
  }

  /** One after the other: requests that run beside each other are shown the same invoice, or a later one first. */
  function pay(of: OpenTab, invoice: Invoice): Promise<void> {
    const paid = paying.then(() => payNow(of, invoice))
    paying = paid.catch(() => {})
    return paid
  }

  async function payNow(of: OpenTab, invoice: Invoice): Promise<void> {
    if (of.isOver || invoice.total < of.paid) return
    // Those that are asked for now may be in the invoice already.
    const promise = purse.pay(invoice, of.bill, unitsUsed(of.requests + underway))
    if (!promise.ok) throw new Fault('invoice-refused', { url, code: promise.refusal.code })
    of.paid = promise.value.promise.agreement.total
    const response = await send([promise.value])
    if (!response.ok) throw await refusedBy(response)
  }

  function send(promises: readonly SignedPromise[]): Promise<Response> {
    const body = Buffer.from(encodeMessage(paymentMessageSchema, { kind: 'promises', promises }))
    return ask(shopPaths.promises, { method: 'POST', body })
  }

  async function refusedBy(response: Response): Promise<Fault> {
    const why = new TextDecoder().decode((await bytesOf(response)).subarray(0, 200))
    return new Fault('shop-refused', { url, status: response.status, why })
  }

  async function invoiceIn(response: Response): Promise<Invoice> {
    const message = decodeMessage(paymentMessageSchema, await bytesOf(response))
    if (message.ok && message.value.kind === 'invoice') return message.value.invoice
    throw new Fault('shop-refused', { url, why: 'its invoice' })
  }

  async function payLast(of: OpenTab): Promise<boolean> {
    const response = await ask(shopPaths.end, { method: 'POST', headers: { [tabHeader]: of.bill.agreementId } })
    if (response.status !== 402) return response.ok
    await pay(of, await invoiceIn(response))
    return true
  }

  async function fetchPaid(path: string, init: RequestInit): Promise<Response> {
    let tabs = 0
    for (let tries = 0; tries < maxTries; tries++) {
      if (tab === undefined && ++tabs > maxTabs) throw new Fault('shop-refused', { url, why: 'it keeps no tab' })
      const at = await currentTab()
      const headers = new Headers(init.headers)
      headers.set(tabHeader, at.bill.agreementId)
      const response = await call(path, { ...init, headers })
      if (!response.headers.has(shopHeader)) {
        at.requests += 1n
        requests += 1n
        return response
      }
      if (response.status === 402) await pay(at, await invoiceIn(response))
      else if (response.status === 401) leave(at, false)
      else if (response.status === 503) await wait(waitMs)
      else throw await refusedBy(response)
    }
    throw new Fault('shop-unpayable', { url, tries: maxTries })
  }

  return {
    get requests() {
      return requests
    },
    async fetch(path, init = {}) {
      underway += 1n
      try {
        return await fetchPaid(path, init)
      } finally {
        underway -= 1n
      }
    },
    async close() {
      const last = tab
      if (last === undefined) return true
      tab = undefined
      const settled = await payLast(last).catch((fault) => {
        if (!(fault instanceof Fault)) throw fault
        return false
      })
      leave(last, settled)
      return settled
    },
  }
}

/** As much as a shop may say by itself, and as long as it may take. */
async function bytesOf(response: Response): Promise<Uint8Array> {
  try {
    return await bodyOf(response, { maxBytes: maxAnswerBytes, withinMs: answerMs })
  } catch (cause) {
    throw new Fault('shop-unreachable', { why: 'it broke off' }, { cause })
  }
}

function jsonIn(bytes: Uint8Array): { readonly provider?: unknown; readonly perRequest?: unknown } | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) ?? undefined
  } catch {
    return undefined
  }
}
