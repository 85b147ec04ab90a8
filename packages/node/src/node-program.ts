/**
 * The node as a program: configuration and identity in, a running node with its API out.
 *
 * @module
 */

import { mkdir } from 'node:fs/promises'
import { exitCodeOf } from '@myst/api'
import { loadNativeCrypto } from '@myst/crypto-native'
import { createStunServer } from '@myst/nat'
import { type Address, type Crypto, Fault } from '@myst/protocol'
import { proxyConsumerDriver, proxyProviderDriver } from '@myst/vpn-proxy'
import { createWireguardConsumer, createWireguardProvider } from '@myst/vpn-wireguard'
import { type ApiServer, refuseRunningNode, startApiServer } from './api-server.ts'
import { createChangeSignal } from './change-signal.ts'
import { createIdentity, listIdentities, unlockIdentity } from './identity.ts'
import { createNode } from './node.ts'
import type { NodeConfig } from './node-config.ts'
import type { NodeCore, ServiceOffer } from './node-core.ts'
import { findPassphrase } from './passphrase.ts'

export interface NodeProgram {
  readonly identity: Address
  readonly socketPath: string
  /** Of the API on TCP, where it listens there. */
  readonly url?: string
  /** Resolves when somebody asked the API to stop. */
  readonly stopAsked: Promise<void>
  /** Sessions are paid and ended, proposals withdrawn, files closed. */
  close(): Promise<void>
}

export interface NodeProgramOptions {
  readonly config: NodeConfig
  /** From `MYST_PASSPHRASE`. */
  readonly passphrase?: string
  readonly log: (line: string) => void
}

/** @throws Fault with what is missing or in the way. */
export async function startNodeProgram({ config, passphrase, log }: NodeProgramOptions): Promise<NodeProgram> {
  const { dataDir, profile, policy, spending, settlement, bind } = config
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await refuseRunningNode(dataDir)
  const crypto = await loadNativeCrypto()
  const { privateKey } = await openIdentity(crypto, config, passphrase, log)
  const { changed, onChange } = createChangeSignal()
  const drivers = driversOf(config)
  const core = await createNode({
    profile,
    privateKey,
    dataDir,
    policy,
    spending,
    settlement,
    crypto,
    log,
    onChange: changed,
    ...drivers,
    ...(bind === undefined ? {} : { bind }),
  })
  const stopAsked = Promise.withResolvers<void>()
  const closing: (() => Promise<void>)[] = [() => core.close()]
  const closeAll = async () => {
    for (const close of closing.toReversed()) await close()
  }
  try {
    if (config.stun !== undefined) {
      const stun = await createStunServer(config.stun)
      closing.push(() => stun.close())
    }
    const offering = await offerAll(core, config.serve, log)
    closing.push(async () => offering.close())
    const api = await startApiServer(
      { core, identities: () => listIdentities(dataDir), stop: stopAsked.resolve, onChange, log },
      { dataDir, ...(config.api === undefined ? {} : { tcp: config.api }) },
    )
    return {
      identity: core.identity,
      socketPath: api.socketPath,
      ...(api.url === undefined ? {} : { url: api.url }),
      stopAsked: stopAsked.promise,
      close: () => closeAfter(api, closeAll),
    }
  } catch (fault) {
    await closeAll()
    throw fault
  }
}

/** An accountant or a full node that is away now is there later. */
const offerAgainMs = 10_000
/** The exit code of who needs somebody that does not answer. */
const unreachable = 3

/** What can't be offered for want of somebody else is offered later: the node starts all the same (W21). */
async function offerAll(core: NodeCore, offers: readonly ServiceOffer[], log: (line: string) => void) {
  let timer: NodeJS.Timeout | undefined
  let waiting = [...offers]

  async function tryAll(): Promise<void> {
    for (const offer of waiting) {
      if (core.leaving().isWished) {
        log(`${offer.serviceType} is not offered: this node is leaving`)
      } else {
        try {
          await core.serve(offer)
          log(`offers ${offer.serviceType} in ${offer.country}`)
        } catch (fault) {
          if (!(fault instanceof Fault && exitCodeOf(fault) === unreachable)) throw fault
          log(`${offer.serviceType} is not offered yet: ${fault.message}`)
          continue
        }
      }
      waiting = waiting.filter((one) => one !== offer)
    }
    if (waiting.length === 0) return
    timer = setTimeout(() => {
      tryAll().catch((cause: Error) => log(`not offered: ${cause.message}`))
    }, offerAgainMs)
  }

  await tryAll()
  return { close: () => clearTimeout(timer) }
}

/** The API's socket goes last: as long as it is there, so is the node. */
async function closeAfter(api: ApiServer, closeNode: () => Promise<void>): Promise<void> {
  api.refuseCalls()
  try {
    await closeNode()
  } finally {
    await api.close()
  }
}

async function openIdentity(
  crypto: Crypto,
  config: NodeConfig,
  fromEnvironment: string | undefined,
  log: (line: string) => void,
) {
  const { dataDir, passphraseFile } = config
  const mayMake = (await listIdentities(dataDir)).length === 0
  const passphrase = await findPassphrase({
    dataDir,
    mayMake,
    log,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(fromEnvironment === undefined ? {} : { fromEnvironment }),
  })
  if (mayMake) log(`made the identity ${await createIdentity(crypto, dataDir, passphrase)}`)
  return unlockIdentity(crypto, dataDir, passphrase)
}

function driversOf({ drivers, wireguard }: NodeConfig) {
  const { defaultRoute, sessions } = wireguard
  const withProxy = drivers.includes('proxy')
  const withWireguard = drivers.includes('wireguard')
  return {
    providerDrivers: [
      ...(withProxy ? [proxyProviderDriver] : []),
      ...(withWireguard ? [createWireguardProvider(sessions === undefined ? {} : { sessions })] : []),
    ],
    consumerDrivers: [
      ...(withProxy ? [proxyConsumerDriver] : []),
      ...(withWireguard ? [createWireguardConsumer(defaultRoute === undefined ? {} : { defaultRoute })] : []),
    ],
  }
}
