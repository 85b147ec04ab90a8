/**
 * Fast exits at the edge: co-signs what the ledger allows, and watches each until it is over.
 *
 * The signature is made first and leaves last: in between the ledger has made it durable. One that the ledger refuses after
 * all is forgotten.
 *
 * @module
 */

import { type ChainClient, readNonce } from '@myst/chain'
import {
  type Address,
  type Crypto,
  type FastExitReply,
  type FastExitTerms,
  Fault,
  fastExitStruct,
  hashTypedData,
  minOf,
} from '@myst/protocol'
import type { ChannelView } from './channel-view.ts'
import { checkFastExit, type FastExitRefusal, type Ledger, signedFastExit } from './ledger/index.ts'
import { createRounds, tell } from './rounds.ts'
import type { SignHashes } from './sign-decisions.ts'

export interface FastExits {
  /** Co-signs, or says why not; the same request gets the same signature. */
  open(consumer: Address, exit: FastExitTerms): Promise<FastExitReply>
  /** Looks whether any is over, now. */
  look(): Promise<void>
  /** How many are open. */
  readonly size: number
  close(): Promise<void>
}

export interface FastExitsDeps {
  /** All must show that an exit is over. */
  readonly clients: readonly ChainClient[]
  readonly crypto: Crypto
  readonly ledger: Ledger
  readonly channels: ChannelView
  channelOf(consumer: Address): Address
  readonly sign: SignHashes
  readonly onFault: (fault: Fault) => void
}

export interface FastExitsOptions {
  readonly chainId: bigint
  readonly exitDelayS: bigint
  readonly confirmationDepth: number
  readonly everyMs: number
}

/** A co-signed exit lowers what the channel can promise until then, whether it is executed or not. */
const maxLifetimeS = 3600n

export function createFastExits(deps: FastExitsDeps, options: FastExitsOptions): FastExits {
  const { crypto, ledger, channels } = deps
  const open = new Set<Address>()
  for (const [channel, { isOpen }] of ledger.entries('fastExits')) if (isOpen) open.add(channel as Address)

  async function openOne(consumer: Address, exit: FastExitTerms): Promise<FastExitReply> {
    const channel = deps.channelOf(consumer)
    const before = signedFastExit(ledger, { channel, exit })
    if (before !== undefined) return { kind: 'signed', signature: before }
    const { capacity, settled, exit: pending, block, headTimestampS } = await channels.look(consumer)
    const seen = { channel, consumer, exit, capacity, settled, pendingExit: pending !== 'none', block, headTimestampS }
    // Half the delay, so that no exit that is requested after that head matures before the deadline, reorgs included.
    const asked = { ...seen, maxLifetimeS: minOf(maxLifetimeS, options.exitDelayS / 2n) }
    const checked = checkFastExit(ledger, asked)
    if (!checked.ok) return refusedBy(checked.refusal)
    const domain = { chainId: options.chainId, verifyingContract: channel }
    const [signature] = await deps.sign([hashTypedData(crypto, domain, fastExitStruct, exit)])
    const opened = await ledger.apply({ kind: 'open-fast-exit', ...asked, signature: signature as Uint8Array })
    if (!opened.ok) return refusedBy(opened.refusal)
    open.add(channel)
    return { kind: 'signed', signature: opened.value.signature }
  }

  async function lookAt(channel: Address): Promise<void> {
    const record = ledger.get('fastExits', channel)
    if (record?.isOpen !== true) return void open.delete(channel)
    const { consumer, exit } = record
    const place = { channel, signer: consumer, nonce: exit.nonce, depth: options.confirmationDepth }
    const states = await Promise.all(deps.clients.map((client) => readNonce(client, place)))
    const seen = {
      block: states.reduce((most, { block }) => (block > most ? block : most), 0n),
      timestampS: states.reduce((least, { timestampS }) => minOf(least, timestampS), states[0]?.timestampS ?? 0n),
      isNonceUsed: states.every(({ isUsed }) => isUsed),
    }
    if (!seen.isNonceUsed && seen.timestampS <= exit.deadline) return
    await ledger.apply({ kind: 'close-fast-exit', channel, nonce: exit.nonce, ...seen })
    open.delete(channel)
    channels.forget(consumer)
  }

  async function look(): Promise<void> {
    for (const channel of open) {
      await tell(lookAt(channel), deps.onFault)
    }
  }
  const rounds = createRounds(look, options.everyMs, deps.onFault)

  return {
    async open(consumer, exit) {
      try {
        return await openOne(consumer, exit)
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        deps.onFault(fault)
        return { kind: 'refused', code: 'accountant-unavailable', why: fault.code }
      }
    },
    look: () => rounds.inTurn(look),
    get size() {
      return open.size
    },
    close: rounds.close,
  }
}

const refusedBy = (refusal: FastExitRefusal): FastExitReply => ({ kind: 'refused', ...refusal })
