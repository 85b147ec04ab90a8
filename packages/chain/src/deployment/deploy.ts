/**
 * Carries out a plan: step by step, each only where the chain does not have it yet.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Address, assert, Fault, type Hex, toHex } from '@myst/protocol'
import { keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ChainClient, reach } from '../chain-client.ts'
import { findCreationBlock, hasCode } from './code.ts'
import { deterministicProxy } from './deterministic-proxy.ts'
import { transferGas, withMargin } from './fees.ts'
import { callOf, type DeploymentPlan, estimate, type PlannedStep, type StepName } from './plan.ts'
import { broadcast, lateNodeMs, type Mined, minedTimeoutMs, sendOnce, type Waiting } from './transaction.ts'

export interface DeployOptions {
  onProgress?(progress: StepProgress): void
  readonly signal?: AbortSignal
}

export type StepProgress =
  | { readonly step: StepName; readonly state: 'waiting-earlier'; readonly nonce: number }
  | { readonly step: StepName; readonly state: 'sent'; readonly hash: Hex }
  | { readonly step: StepName; readonly state: 'done'; readonly hash?: Hex }

export interface Deployed {
  /** The block that brought the registry. */
  readonly deployedAtBlock: bigint
  /** Those that this run sent and saw mined. */
  readonly transactions: readonly { readonly step: StepName; readonly hash: Hex }[]
}

/**
 * Safe to be killed at any moment and run again.
 *
 * @param privateKey of the plan's deployer; a plan that is done needs none.
 * @throws Fault `deployer-underfunded`, `deployment-refused`, `deployment-failed`, `proxy-refused`, those of `sendOnce`.
 */
export async function deployNetwork(
  client: ChainClient,
  privateKey: Uint8Array | undefined,
  plan: DeploymentPlan,
  { onProgress = () => {}, signal }: DeployOptions = {},
): Promise<Deployed> {
  const { deployer, balance, needed, missing, chainId, fees, design } = plan
  if (plan.steps.every(({ done }) => done)) {
    return { deployedAtBlock: await findCreationBlock(client, design.registry), transactions: [] }
  }
  assert(privateKey !== undefined, 'what is left to send needs a key')
  const account = privateKeyToAccount(toHex(privateKey))
  assert(account.address.toLowerCase() === deployer, 'the plan is for another key')
  if (missing > 0n) throw new Fault('deployer-underfunded', { address: deployer, chainId, balance, needed, missing })
  const transactions: { step: StepName; hash: Hex }[] = []
  let deployedAtBlock: bigint | undefined
  for (const step of plan.steps) {
    if (step.done) continue
    const mined = await (step.name === 'proxy' ? placeProxy(step) : create(step.name, step))
    await codeArrived(step, mined)
    if (mined !== undefined) transactions.push({ step: step.name, hash: mined.hash })
    if (step.name === 'registry') deployedAtBlock = mined?.blockNumber
    onProgress({ step: step.name, state: 'done', ...(mined === undefined ? {} : { hash: mined.hash }) })
  }
  return { deployedAtBlock: deployedAtBlock ?? (await findCreationBlock(client, design.registry)), transactions }

  function tell(step: StepName): (waiting: Waiting) => void {
    return (waiting) =>
      onProgress(
        waiting.kind === 'sent'
          ? { step, state: 'sent', hash: waiting.hash }
          : { step, state: 'waiting-earlier', nonce: waiting.nonce },
      )
  }

  async function create(name: 'token' | 'registry', { address }: PlannedStep): Promise<Mined | undefined> {
    const data = callOf(design, name)
    const isDone = () => hasCode(client, address)
    const gas = async () => {
      const estimated = await estimate(client, deployer, data)
      if (estimated === undefined) throw new Fault('deployment-refused', { contract: name, address })
      return withMargin(estimated)
    }
    const payload = { to: deterministicProxy.address, data, gas }
    return sendOnce(client, account, payload, { fees, isDone, onWait: tell(name), signal })
  }

  /** Sent before its sender is paid, to hear whether the chain takes such a transaction at all. */
  async function placeProxy({ address }: PlannedStep): Promise<Mined | undefined> {
    const { transaction, signer, cost } = deterministicProxy
    const first = await broadcast(client, transaction)
    if (first === undefined || first.known) return proxyMined(address)
    if (!first.underfunded) throw proxyRefused(first)
    const held = () => reach(client.rpcUrl, () => client.rpc.getBalance({ address: signer }))
    const isDone = async () => (await held()) >= cost || hasCode(client, address)
    const lacking = cost - (await held())
    const payload = { to: signer, value: lacking > 0n ? lacking : 0n, gas: async () => transferGas }
    const funded = await sendOnce(client, account, payload, { fees, isDone, onWait: tell('proxy'), signal })
    const second = await broadcast(client, transaction)
    if (second !== undefined && !second.known && !(await hasCode(client, address))) throw proxyRefused(second)
    await proxyMined(address)
    return funded
  }

  async function proxyMined(address: Address): Promise<undefined> {
    const { transaction, signer } = deterministicProxy
    const hash = keccak256(transaction)
    onProgress({ step: 'proxy', state: 'sent', hash })
    const deadlineMs = performance.now() + minedTimeoutMs
    while (!(await hasCode(client, address))) {
      const used = await reach(client.rpcUrl, () => client.rpc.getTransactionCount({ address: signer }))
      // Mined: what is still missing is a late node's, or will never come.
      if (used > 0) return undefined
      if (performance.now() > deadlineMs) throw new Fault('transaction-pending', { address: signer, nonce: 0, hash })
      await pause()
    }
    return undefined
  }

  function proxyRefused({ why, unprotected }: { why: string; unprotected: boolean }): Fault {
    return new Fault(unprotected ? 'proxy-unprotected' : 'proxy-refused', { chainId, why })
  }

  async function codeArrived({ name, address }: PlannedStep, mined: Mined | undefined): Promise<void> {
    const deadlineMs = performance.now() + lateNodeMs
    while (!(await hasCode(client, address))) {
      if (performance.now() > deadlineMs)
        throw new Fault('deployment-failed', { step: name, address, hash: mined?.hash })
      await pause()
    }
  }

  function pause(): Promise<void> {
    return wait(client.rpc.pollingInterval, undefined, signal === undefined ? {} : { signal })
  }
}
