/**
 * What each route does: the table of calls on Node Core. The compiler keeps it whole, and its shapes those of the schemas.
 *
 * @module
 */

import type { CallName, InputOf, OutputOf, Routes } from '@myst/api'
import type { Address, Price } from '@myst/protocol'
import { readAmount, toJson } from './api-json.ts'
import type { NodeCore } from './node-core.ts'

export interface ApiCallDeps {
  readonly core: NodeCore
  readonly identities: () => Promise<readonly Address[]>
  /** Asks the program to end; answers before it does. */
  readonly stop: () => void
}

export type ApiCalls = { readonly [N in CallName]: (input: InputOf<Routes[N]>) => Promise<OutputOf<Routes[N]>> }

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
    settle: async () => toJson(await core.settle()),
    async stop() {
      stop()
      return { stopping: true }
    },
  }
}
