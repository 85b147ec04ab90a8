/**
 * What a node sells: each service with its driver's offer, its published proposal and its sessions.
 *
 * @module
 */

import type { DiscoveryClient, PublishedProposal, SignOffer } from '@myst/discovery'
import type { LinkNode } from '@myst/link'
import type { ItemOutcome } from '@myst/payments'
import { type Bytes32, Fault, type Price, type Proposal, proposalLifetimeMs, signProposal } from '@myst/protocol'
import { createExitPolicy, type Offer, type ProviderDriver } from '@myst/vpn'
import { defaultPrice } from '../market.ts'
import type { ServiceOffer, ServiceView } from '../node-core.ts'
import { offerTunnelPath } from '../tunnel-path.ts'
import type { Desks } from './desks.ts'
import { createProvider, type OfferedService, type ProviderDeps, type ProviderOptions } from './provider.ts'

export interface Services {
  readonly views: readonly ServiceView[]
  serve(wanted: ServiceOffer): Promise<ServiceView>
  stop(serviceType: string): Promise<void>
  stopAll(): Promise<void>
  /** The accountant's verdicts on what the desks exchanged. */
  credited(outcomes: readonly ItemOutcome[]): void
  promisedBefore(agreementId: Bytes32): bigint
  /** As `stopAll`, and at once: all sessions end together, and no new one begins. Never rejects. */
  close(): Promise<void>
}

export interface ServicesDeps extends Omit<ProviderDeps, 'desks' | 'serviceOf' | 'onSession'> {
  readonly linkNode: LinkNode
  readonly discovery: DiscoveryClient
  readonly drivers: readonly ProviderDriver[]
  readonly desks: Desks
  readonly onChange: () => void
}

export interface ServicesOptions extends ProviderOptions {
  /** Which of this machine's addresses the traffic leaves by. */
  readonly egressAddress?: string
}

interface Service extends OfferedService {
  readonly offered: Required<ServiceOffer>
  readonly offer: Offer
  readonly prices: Map<bigint, Price>
  published?: PublishedProposal
}

/** Sessions opened on a proposal that was just refreshed are still served at its price. */
const keptPrices = 4

export function createServices(deps: ServicesDeps, options: ServicesOptions): Services {
  const { crypto, linkNode, discovery, desks, log } = deps
  const { keys, profile, egressAddress } = options
  const services = new Map<string, Service>()
  let listening: Promise<void> | undefined

  const provider = createProvider(
    {
      ...deps,
      desks: () => desks.open,
      serviceOf: (serviceType) => services.get(serviceType),
      onSession: (link, _session, usePath) => {
        if (usePath !== undefined) offerTunnelPath({ link, profile, usePath, log })
      },
    },
    options,
  )

  /** The first service opens the desks and starts to listen; a consumer alone does neither. */
  async function becomeProvider(): Promise<void> {
    await desks.openAll()
    listening ??= (async () => {
      linkNode.onLink((link) => provider.welcome(link))
      await linkNode.listen()
    })()
    await listening
  }

  /** Signs the offer anew at each refresh, and remembers at what price. */
  function signerOf({ serviceType, country, price }: Required<ServiceOffer>, prices: Map<bigint, Price>): SignOffer {
    return ({ seq, nowMs, withdrawn }) => {
      const proposal: Proposal = {
        networkId: profile.networkId,
        provider: keys.identity,
        transportKey: linkNode.publicKey,
        serviceType,
        serviceVersion: 1,
        location: { country },
        price,
        accountants: [...desks.open.keys()],
        seq,
        expiresAtMs: BigInt(nowMs + proposalLifetimeMs),
        ...(withdrawn ? { withdrawn } : {}),
      }
      prices.set(seq, price)
      for (const old of [...prices.keys()].slice(0, -keptPrices)) prices.delete(old)
      return signProposal(crypto, proposal, keys.privateKey)
    }
  }

  const sessionsOf = (serviceType: string) => provider.sessions.filter((session) => session.serviceType === serviceType)

  const viewOf = ({ offered }: Service): ServiceView => ({
    ...offered,
    sessions: sessionsOf(offered.serviceType).map(({ view }) => view),
  })

  const withdraw = ({ published }: Service) =>
    published?.withdraw().catch((fault: Error) => log(`not withdrawn, and expires by itself: ${fault.message}`))

  async function end(service: Service): Promise<void> {
    const { serviceType } = service.offered
    services.delete(serviceType)
    await withdraw(service)
    await Promise.all(sessionsOf(serviceType).map((session) => session.end('service-stops')))
    await service.offer.close()
  }

  return {
    get views() {
      return [...services.values()].map(viewOf)
    },

    async serve(wanted) {
      const { serviceType } = wanted
      const driver = deps.drivers.find((one) => one.serviceType === serviceType)
      if (driver === undefined) throw new Fault('service-type-unknown', { serviceType })
      if (services.has(serviceType)) throw new Fault('service-already-offered', { serviceType })
      if (!/^[A-Z]{2}$/.test(wanted.country)) throw new Fault('country-invalid', { country: wanted.country })
      await becomeProvider()
      const reflexive = linkNode.reflexive()
      const policy = createExitPolicy({
        profile: profile.exit,
        denied: reflexive === undefined ? [] : [reflexive.host],
      })
      const offered = { ...wanted, price: wanted.price ?? defaultPrice(profile.priceScale) }
      const prices = new Map<bigint, Price>()
      const offer = await driver.offer({ policy, ...(egressAddress === undefined ? {} : { egressAddress }) })
      // Before it is published: a consumer may come before the call returns.
      const service: Service = { offered, offer, prices }
      services.set(serviceType, service)
      try {
        service.published = await discovery.publish(signerOf(offered, prices))
      } catch (fault) {
        services.delete(serviceType)
        await offer.close()
        throw fault
      }
      deps.onChange()
      return viewOf(service)
    },

    async stop(serviceType) {
      const service = services.get(serviceType)
      if (service === undefined) throw new Fault('service-not-offered', { serviceType })
      await end(service)
      deps.onChange()
    },

    async stopAll() {
      for (const service of [...services.values()]) await end(service)
    },

    credited: provider.credited,
    promisedBefore: provider.promisedBefore,

    async close() {
      const all = [...services.values()]
      await Promise.all(all.map(withdraw))
      await provider.close()
      for (const { offer } of all) {
        await offer.close().catch((fault: Error) => log(`an offer did not close: ${fault.message}`))
      }
    },
  }
}
