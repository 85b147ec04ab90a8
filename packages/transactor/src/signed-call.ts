/**
 * What a request asks for, whichever of the calls it is: who signed it, what it pays, what is to be sent.
 *
 * @module
 */

import { type Call, callOfRequest } from '@myst/chain'
import {
  type Address,
  type Crypto,
  channelAddress,
  exitRequestStruct,
  fastExitStruct,
  hashTypedData,
  type NetworkProfile,
  registrationStruct,
  settleOrderStruct,
  stakeDecreaseStruct,
  type TransactorCall,
  type TransactorRequest,
} from '@myst/protocol'

export interface SignedCall {
  readonly call: TransactorCall
  /** Whose signature binds, and whose quota it is. */
  readonly identity: Address
  readonly accountant: Address
  readonly transactor: Address
  readonly fee: bigint
  /** Seconds. */
  readonly deadline: bigint
  /** What the identity signed. */
  readonly hash: Uint8Array
  readonly signature: Uint8Array
  readonly toSend: Call
  /** Absent where the fee comes with the transaction itself. */
  readonly feeComesWith?: LaterCall
}

/** The transaction that pays a fee days later: anybody may send it, and whoever waits for the fee does. */
export type LaterCall =
  | {
      readonly kind: 'finalize-exit'
      readonly channel: Address
      readonly accountant: Address
      readonly identity: Address
    }
  | { readonly kind: 'finalize-decrease'; readonly accountant: Address; readonly identity: Address }

export type NetworkOfCalls = Pick<NetworkProfile, 'chainId' | 'contracts'>

export function readRequest(crypto: Crypto, network: NetworkOfCalls, request: TransactorRequest): SignedCall {
  const at = (verifyingContract: Address) => ({ chainId: network.chainId, verifyingContract })
  const toSend = callOfRequest(crypto, network.contracts, request)
  switch (request.kind) {
    case 'register': {
      const { registration, signature } = request
      const { registry } = network.contracts
      return {
        call: 'register',
        ...registration,
        hash: hashTypedData(crypto, at(registry), registrationStruct, registration),
        signature,
        toSend,
      }
    }
    case 'settle': {
      const { accountant, order, orderSignature } = request
      return {
        call: 'settle',
        ...order,
        identity: order.provider,
        accountant,
        hash: hashTypedData(crypto, at(accountant), settleOrderStruct, order),
        signature: orderSignature,
        toSend,
      }
    }
    case 'exit': {
      const { identity, accountant, exit, signature } = request
      const channel = channelAddress(crypto, network.contracts, identity, accountant)
      return {
        call: 'exit',
        ...exit,
        identity,
        accountant,
        hash: hashTypedData(crypto, at(channel), exitRequestStruct, exit),
        signature,
        toSend,
        feeComesWith: { kind: 'finalize-exit', channel, accountant, identity },
      }
    }
    case 'fast-exit': {
      const { identity, accountant, exit, signature } = request
      const channel = channelAddress(crypto, network.contracts, identity, accountant)
      return {
        call: 'fast-exit',
        ...exit,
        identity,
        accountant,
        hash: hashTypedData(crypto, at(channel), fastExitStruct, exit),
        signature,
        toSend,
      }
    }
    case 'decrease-stake': {
      const { accountant, decrease, signature } = request
      return {
        call: 'decrease-stake',
        ...decrease,
        identity: decrease.provider,
        accountant,
        hash: hashTypedData(crypto, at(accountant), stakeDecreaseStruct, decrease),
        signature,
        toSend,
        feeComesWith: { kind: 'finalize-decrease', accountant, identity: decrease.provider },
      }
    }
  }
}
