/**
 * What each route does: the table of calls on Node Core. The compiler keeps it whole, and its shapes those of the schemas.
 *
 * @module
 */

import type { CallName, InputOf, OutputOf, Routes } from '@myst/api'
import type { Address, Price } from '@myst/protocol'
import { readAmount, toJson } from './api-json.ts'
import type { NodeCore, PaymentView } from './node-core.ts'

export interface ApiCallDeps {
  readonly core: NodeCore
  readonly identities: () => Promise<readonly Address[]>
  /** Asks the program to end; answers before it does. */
  readonly stop: () => void
}

/** The key is the request's `Idempotency-Key`, for calls that keep it on disk. */
export type ApiCalls = {
  readonly [N in CallName]: (input: InputOf<Routes[N]>, key?: string) => Promise<OutputOf<Routes[N]>>
}

const readPrice = ({ perHour, perGib }: { perHour: string; perGib: string }): Price => ({
  perHour: readAmount(perHour),
  perGib: readAmount(perGib),
})

export function createApiCalls({ core, identities, stop }: ApiCallDeps): ApiCalls {
  return {
    health: async () => ({ running: true }),
    status: async () => toJson(await core.status()),
    identities: async () => ({ current: core.identity, identities: [...(await identities())] }),
    topUp: async () => toJson(core.topUp()),
    register: async () => toJson(await core.register()),
    proposals: async (filter) => ({ proposals: toJson(await core.proposals(filter)) }),
    connections: async () => ({ connections: toJson(core.connections()) }),
    connect: async ({ budget, ...request }) =>
      toJson(await core.connect({ ...request, ...(budget === undefined ? {} : { budget: readAmount(budget) }) })),
    disconnect: async ({ id }) => toJson(await core.disconnect(id)),
    services: async () => ({ services: toJson(core.services()) }),
    serve: async ({ price, ...offer }) =>
      toJson(await core.serve({ ...offer, ...(price === undefined ? {} : { price: readPrice(price) }) })),
    async stopService({ serviceType }) {
      await core.stopService(serviceType)
      return { serviceType }
    },
    earnings: async () => ({ accountants: toJson(await core.earnings()) }),
    settlements: async ({ limit, cursor }) => pageOf(core.payments(), Number(limit ?? defaultPage), cursor),
    settlementPreview: async (ask) => ({ settlements: toJson(await core.previewSettlement(ask)) }),
    settle: async (ask) => toJson(await core.settle(ask)),
    withdraw: async ({ to, amount }, key) =>
      toJson(
        await core.withdraw({
          ...(to === undefined ? {} : { to }),
          ...(amount === undefined ? {} : { amount: readAmount(amount) }),
          ...(key === undefined ? {} : { key }),
        }),
      ),
    leave: async (ask) => toJson(await core.leave(ask)),
    leaving: async () => toJson(core.leaving()),
    stay: async () => toJson(await core.stay()),
    beneficiary: async () => toJson(await core.beneficiary()),
    changeBeneficiary: async ({ beneficiary }) => toJson(await core.changeBeneficiary(beneficiary)),
    payout: async ({ accountant }) => toJson(await core.payout(accountant)),
    orderPayout: async ({ least, ...ask }) =>
      toJson(await core.orderPayout({ ...ask, ...(least === undefined ? {} : { least: readAmount(least) }) })),
    async stop() {
      stop()
      return { stopping: true }
    },
  }
}

const defaultPage = 50

/** An unknown cursor is one of a payment that a reorganisation took back: the list begins anew. */
function pageOf(all: readonly PaymentView[], limit: number, cursor: string | undefined) {
  const nameOf = ({ hash, accountant }: PaymentView) => `${hash}-${accountant}`
  const from = all.findIndex((payment) => nameOf(payment) === cursor) + 1
  const page = all.slice(from, from + limit)
  const last = page.at(-1)
  const hasMore = last !== undefined && from + limit < all.length
  return { settlements: toJson(page), ...(hasMore ? { cursor: nameOf(last) } : {}) }
}
