/**
 * An accountant's word: what it signs for us counts only under the key that is its operator's now, and under a lock of ours.
 *
 * @module
 */

import {
  type AccountantPromise,
  type Address,
  accountantPromiseStruct,
  type BatchAnswer,
  type Bytes32,
  batchAnswerContent,
  type ContentRefusal,
  type Crypto,
  type Domain,
  Fault,
  hashTypedData,
  openContent,
  type SignedAccountantPromise,
  type SignedContent,
  type Verdict,
} from '@myst/protocol'
import type { AccountantInfo } from './accountant-client.ts'
import type { Clock } from './clock.ts'
import { keepFigure } from './kept-figure.ts'

export interface AccountantWord {
  /** Whose signatures its contract takes, as far as is known. */
  readonly operator: Address
  /** Looks for a change of the operator's key, now and then. */
  refresh(): Promise<void>
  signerOf(promise: SignedAccountantPromise): Address | undefined
  /** @throws Fault `accountant-promise-invalid`: not the operator's, not to us, or its lock is not of that epoch of ours. */
  requireOwn(promise: SignedAccountantPromise): void
  /** @throws Fault as `requireOwn`, of the promise in it. */
  open(answer: SignedContent): Verdict<ContentRefusal, BatchAnswer>
}

export interface WordDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  /** @throws Fault `chain-unreachable`. */
  readonly operator: () => Promise<Address>
  readonly log: (line: string) => void
}

export interface WordOptions {
  readonly accountant: AccountantInfo
  readonly domain: Domain
  readonly provider: Address
  readonly lockOf: (epoch: bigint) => Bytes32
}

export async function openAccountantWord(
  deps: WordDeps,
  { accountant, domain, provider, lockOf }: WordOptions,
): Promise<AccountantWord> {
  const { crypto } = deps
  const name = `operator of ${accountant.address}`
  const operators = keepFigure({ ...deps, read: deps.operator }, name, accountant.operator)
  let operator = await operators.value()

  const signerOf = ({ provider, amount, hashlock, signature }: SignedAccountantPromise): Address | undefined => {
    const promise: AccountantPromise = { provider, amount, hashlock }
    return crypto.recover(hashTypedData(crypto, domain, accountantPromiseStruct, promise), signature)
  }

  /** Under another lock its preimage would be somebody else's. */
  function requireOwn(promise: SignedAccountantPromise): void {
    const { epoch } = promise
    const signer = signerOf(promise)
    if (signer !== operator || promise.provider !== provider || promise.hashlock !== lockOf(epoch)) {
      throw new Fault('accountant-promise-invalid', { accountant: accountant.address, signer, epoch })
    }
  }

  return {
    get operator() {
      return operator
    },
    async refresh() {
      operator = await operators.value()
    },
    signerOf,
    requireOwn,
    open(answer) {
      const opened = openContent(crypto, domain, batchAnswerContent, answer, operator)
      if (opened.ok) requireOwn(opened.value.promise)
      // Another key may be the operator's by now.
      else if (opened.refusal.code === 'content-wrong-signer') operators.expire()
      return opened
    },
  }
}
