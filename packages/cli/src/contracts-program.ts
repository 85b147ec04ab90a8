/**
 * Asks the contracts program, which has the chain, the keystore and the cryptography; secrets go through its stdin.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type Address, Fault } from '@myst/api'
import { programPath } from './start-program.ts'

export interface DeploymentFields {
  readonly rpcUrl: string
  readonly chainId?: string
  readonly networkId: string
  readonly token:
    | { readonly kind: 'existing'; readonly address: Address }
    | { readonly kind: 'fixed'; readonly supply: string; readonly holder?: Address }
    | { readonly kind: 'test' }
  readonly terms: Partial<TermsJson>
  readonly keystore?: string
  readonly dataDir: string
  readonly out: string
  readonly publicRpcUrls: readonly string[]
  readonly confirmationDepth: number
}

export type ContractsQuestion =
  | ({ readonly ask: 'plan' } & DeploymentFields)
  | ({
      readonly ask: 'deploy'
      readonly maxFeePerGas: string
      readonly passphraseFile?: string
      readonly passphrase?: string
    } & DeploymentFields)
  | ({ readonly ask: 'plan-accountant' } & AccountantFields)
  | ({
      readonly ask: 'register-accountant'
      readonly maxFeePerGas: string
      readonly passphraseFile?: string
      readonly passphrase?: string
    } & AccountantFields)
  | { readonly ask: 'verify'; readonly network: string; readonly rpcUrl?: string }

export interface AccountantFields {
  readonly network: string
  readonly rpcUrl?: string
  readonly keystore?: string
  readonly dataDir: string
  /** An address, or a keystore file that names one. */
  readonly operator: string
  readonly stake?: string
  /** Basis points. */
  readonly feeRate: string
  readonly url: string
}

export interface TermsJson {
  readonly feeRecipient: Address
  readonly registrationFee: string
  readonly minimumOperatorStake: string
  readonly exitDelay: string
  readonly rateNotice: string
  readonly rotationNotice: string
  readonly closingDelay: string
}

export type StepName = 'proxy' | 'token' | 'registry'
export type AccountantStepName = 'approval' | 'accountant'

interface NetworkJson {
  readonly networkId: string
  readonly chainId: string
  readonly contracts: {
    readonly token: Address
    readonly registry: Address
    readonly channelImplementation: Address
    readonly accountantImplementation: Address
  }
  readonly terms: TermsJson
  readonly hastyDelays: readonly ('exitDelay' | 'rateNotice' | 'rotationNotice' | 'closingDelay')[]
}

export interface PlanJson extends NetworkJson {
  readonly deployer: Address
  readonly balance: string
  readonly needed: string
  readonly missing: string
  readonly fees: { readonly expected: string; readonly most: string }
  readonly steps: readonly {
    readonly name: StepName
    readonly address: Address
    readonly done: boolean
    readonly gas: string
    readonly value: string
    readonly most: string
  }[]
  readonly token: {
    readonly kind: 'existing' | 'fixed' | 'test'
    readonly address: Address
    readonly decimals: number
    readonly holder?: Address
    readonly supply?: string
  }
  readonly profile: { readonly path: string; readonly kept: boolean }
}

export interface DeployedJson extends PlanJson {
  readonly deployedAtBlock: string
  readonly transactions: readonly { readonly step: StepName; readonly hash: string }[]
}

export interface VerifiedJson extends NetworkJson {
  readonly asked: { readonly rpcUrl: string; readonly fromProfile: boolean }
  readonly token: {
    readonly kind: 'MystToken' | 'TestMystToken' | 'foreign'
    readonly address: Address
    readonly decimals: number
  }
}

export interface AccountantPlanJson {
  readonly networkId: string
  readonly chainId: string
  readonly owner: Address
  readonly operator: Address
  readonly accountant: Address
  readonly stake: string
  readonly decimals: number
  readonly feeRate: string
  readonly url: string
  readonly fees: { readonly expected: string; readonly most: string }
  readonly steps: readonly { readonly name: AccountantStepName; readonly done: boolean; readonly most: string }[]
  /** The owner's, of the chain's coin. */
  readonly balance: string
  readonly needed: string
  readonly missing: string
  /** The owner's, of MYST. */
  readonly held: string
  readonly missingStake: string
  readonly profile: { readonly path: string; readonly entered: boolean }
}

export interface AccountantEnteredJson extends AccountantPlanJson {
  readonly transactions: readonly { readonly step: AccountantStepName; readonly hash: string }[]
}

export interface ContractsAnswers {
  readonly 'plan-accountant': AccountantPlanJson
  readonly 'register-accountant': AccountantEnteredJson
  readonly plan: PlanJson
  readonly deploy: DeployedJson
  readonly verify: VerifiedJson
}

export type ContractsEvent =
  | { readonly step: StepName | AccountantStepName; readonly state: 'waiting-earlier'; readonly nonce: number }
  | { readonly step: StepName | AccountantStepName; readonly state: 'sent'; readonly hash: string }
  | { readonly step: StepName | AccountantStepName; readonly state: 'done'; readonly hash?: string }
  | { readonly stage: 'decrypting' | 'verifying' }

type Line<A> =
  | { readonly event: ContractsEvent }
  | { readonly answer: A }
  | { readonly error: { readonly code: string; readonly facts: Record<string, string | number | boolean> } }

/** @throws the program's faults; Fault `interrupted` where Ctrl-C or a signal ended it. */
export async function askContracts<Q extends ContractsQuestion>(
  question: Q,
  onEvent: (event: ContractsEvent) => void = () => {},
): Promise<ContractsAnswers[Q['ask']]> {
  const child = spawn(process.execPath, [programPath('contracts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {})
  // Left open: when we end, however that is, it ends.
  child.stdin.write(`${JSON.stringify(question)}\n`)
  let interrupted = false
  const interrupt = (): void => {
    interrupted = true
    child.kill()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as Line<ContractsAnswers[Q['ask']]>
      if ('event' in line) onEvent(line.event)
      else if ('answer' in line) return line.answer
      else throw new Fault(line.error.code, line.error.facts)
    }
    throw new Fault(interrupted ? 'interrupted' : 'internal')
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    child.stdin.end()
  }
}
