/**
 * What is sent for a request to a transactor: the call with the signatures that it brought.
 *
 * @module
 */

import { accountantAbi, consumerChannelAbi, registryAbi } from '@myst/contracts'
import { type Crypto, channelAddress, type NetworkProfile, type TransactorRequest, toHex } from '@myst/protocol'
import { type Call, typedCall } from './simulate.ts'

export function callOfRequest(
  crypto: Crypto,
  contracts: NetworkProfile['contracts'],
  request: TransactorRequest,
): Call {
  switch (request.kind) {
    case 'register': {
      const { registration, signature } = request
      const args = [registration, toHex(signature)] as const
      return typedCall({ to: contracts.registry, abi: registryAbi, name: 'registerIdentity', args })
    }
    case 'settle': {
      const { accountant, order, preimage, promiseSignature, orderSignature } = request
      const args = [order, preimage, toHex(promiseSignature), toHex(orderSignature)] as const
      return typedCall({ to: accountant, abi: accountantAbi, name: 'settleWithOrder', args })
    }
    case 'exit': {
      const { identity, accountant, exit, signature } = request
      const to = channelAddress(crypto, contracts, identity, accountant)
      return typedCall({ to, abi: consumerChannelAbi, name: 'requestExit', args: [exit, toHex(signature)] })
    }
    case 'fast-exit': {
      const { identity, accountant, exit, signature, operatorSignature } = request
      const to = channelAddress(crypto, contracts, identity, accountant)
      const args = [exit, toHex(signature), toHex(operatorSignature)] as const
      return typedCall({ to, abi: consumerChannelAbi, name: 'fastExit', args })
    }
    case 'decrease-stake': {
      const { accountant, decrease, signature } = request
      return typedCall({
        to: accountant,
        abi: accountantAbi,
        name: 'decreaseStake',
        args: [decrease, toHex(signature)],
      })
    }
  }
}
