/**
 * Signs a provider's newest promise anew after the operator's key changed, and ahead of it with the key that was announced.
 *
 * @module
 */

import {
  type AccountantPromise,
  type Address,
  accountantPromiseStruct,
  type Crypto,
  type Domain,
  hashTypedData,
  type ResignReply,
  type SignedAccountantPromise,
} from '@myst/protocol'
import type { Ledger } from './ledger/index.ts'
import type { OperatorKey } from './operator-key.ts'

export interface ResigningDeps {
  readonly crypto: Crypto
  readonly ledger: Ledger
  readonly domain: Domain
  /** Whose key signs now. */
  readonly operator: Address
  readonly nextKey?: OperatorKey | undefined
}

export type Resign = (provider: Address) => Promise<ResignReply>

/** The same question gets the same bytes: signatures are deterministic, and what is stored is asked first. */
export function createResigning({ crypto, ledger, domain, operator, nextKey }: ResigningDeps): Resign {
  const hashOf = ({ provider, amount, hashlock }: SignedAccountantPromise) => {
    const promise: AccountantPromise = { provider, amount, hashlock }
    return hashTypedData(crypto, domain, accountantPromiseStruct, promise)
  }

  async function replyWith(newest: SignedAccountantPromise): Promise<ResignReply> {
    if (nextKey === undefined) return { newest }
    const [signature] = await nextKey.sign([hashOf(newest)])
    return { newest, next: { operator: nextKey.address, signature: signature as Uint8Array } }
  }

  return async function resign(provider) {
    for (;;) {
      const newest = ledger.get('providers', provider)?.promise
      if (newest === undefined) return {}
      if (crypto.recover(hashOf(newest), newest.signature) === operator) return replyWith(newest)
      await ledger.apply({ kind: 'resign', provider, epoch: newest.epoch })
    }
  }
}
