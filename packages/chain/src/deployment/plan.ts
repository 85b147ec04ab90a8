/**
 * The plan of a deployment: what is to be sent, what is there already, what it costs. Made by looking at the chain, where
 * all progress is kept: a plan made after a crash has the steps done that were done.
 *
 * @module
 */

import { type Address, type Bytes32, Fault, type Hex, toHex } from '@myst/protocol'
import { size } from 'viem'
import { type ChainClient, reach } from '../chain-client.ts'
import { callOrUndefined, codeAt, hasCode, isAway } from './code.ts'
import { deterministicProxy, proxyCall } from './deterministic-proxy.ts'
import { creationGas, type Fees, readFees, transferGas, withMargin } from './fees.ts'
import { designNetwork, type NetworkDesign, realChainIds, type TokenChoice } from './network-design.ts'
import { runtimeCodes } from './runtime-code.ts'
import { checkTerms, type RegistryTerms, scaleTerms } from './terms.ts'
import { readToken } from './token.ts'

export interface DeploymentRequest {
  readonly networkId: string
  readonly token: TokenChoice
  /** Amounts in 10⁻¹⁸, whatever decimals the token has. */
  readonly terms: RegistryTerms
  readonly deployer: Address
}

export type StepName = 'proxy' | 'token' | 'registry'

export interface PlannedStep {
  readonly name: StepName
  readonly address: Address
  readonly done: boolean
  readonly gas: bigint
  /** Sent along with the gas. */
  readonly value: bigint
  /** All it can cost. */
  readonly most: bigint
}

export interface DeploymentPlan extends Omit<DeploymentRequest, 'terms'> {
  readonly chainId: bigint
  readonly design: NetworkDesign
  /** Base units of the token. */
  readonly terms: RegistryTerms
  readonly decimals: number
  readonly fees: Fees
  readonly steps: readonly PlannedStep[]
  readonly balance: bigint
  /** What the steps that are left can cost at most. */
  readonly needed: bigint
  /** What the deployer lacks; 0 where it has enough. */
  readonly missing: bigint
}

/** EIP-3860: no chain creates from more. */
const maxInitCodeBytes = 49_152

/**
 * @param maxFeePerGas what was agreed to when a plan was shown; nothing is offered above it.
 * @throws Fault `chain-too-old`, `token-unusable`, `token-test-only`, `terms-out-of-range`, `amount-too-fine`,
 * `proxy-unknown`, `fees-rose`, `chain-unreachable`.
 */
export async function planDeployment(
  client: ChainClient,
  request: DeploymentRequest,
  maxFeePerGas?: bigint,
): Promise<DeploymentPlan> {
  const { networkId, token, deployer } = request
  await requireRecentChain(client)
  if (token.kind === 'test' && realChainIds.has(client.chainId)) {
    throw new Fault('token-test-only', { chainId: client.chainId })
  }
  const checked = checkTerms(request.terms)
  if (!checked.ok) throw refused(checked.refusal)
  const { decimals } = token.kind === 'existing' ? await readToken(client, token.address) : { decimals: 18 }
  const scaled = scaleTerms(checked.value, decimals)
  if (!scaled.ok) throw refused(scaled.refusal)
  const terms = scaled.value
  if (token.kind === 'fixed' && terms.minimumOperatorStake > token.supply) {
    const { minimumOperatorStake: value } = terms
    throw new Fault('terms-out-of-range', { term: 'minimumOperatorStake', value, least: 0n, most: token.supply })
  }
  const design = designNetwork(networkId, token, terms)
  if (size(design.registryInitCode) > maxInitCodeBytes) throw new Error('bug: the registry is too large to be created')
  const [fees, balance] = await Promise.all([
    readFees(client, maxFeePerGas),
    reach(client.rpcUrl, () => client.rpc.getBalance({ address: deployer })),
  ])
  const steps = await planSteps(client, { design, fees, deployer, token })
  const needed = steps.filter(({ done }) => !done).reduce((sum, { most }) => sum + most, 0n)
  const missing = needed > balance ? needed - balance : 0n
  const { chainId } = client
  return { networkId, token, deployer, chainId, design, terms, decimals, fees, steps, balance, needed, missing }
}

/** PUSH0, MCOPY and TLOAD, then 32 zeros: the newest instructions that the contracts use. */
const cancunProbe = '0x5f5f5f5e5f5c5f5260205ff3'

async function requireRecentChain(client: ChainClient): Promise<void> {
  const answer = await callOrUndefined(client, undefined, cancunProbe)
  if (answer === undefined || BigInt(answer) !== 0n) throw new Fault('chain-too-old', { chainId: client.chainId })
}

const refused = ({ code, ...facts }: { readonly code: string }): Fault => new Fault(code, facts)

async function planSteps(
  client: ChainClient,
  { design, fees, deployer, token }: { design: NetworkDesign; fees: Fees; deployer: Address; token: TokenChoice },
): Promise<PlannedStep[]> {
  const proxy = await planProxy(client, fees)
  const steps = [proxy]
  const step = async (name: StepName, address: Address, data: Hex, leaves: readonly number[]) => {
    const done = await hasCode(client, address)
    const ready = steps.every((earlier) => earlier.done)
    const gas = done ? 0n : ((ready ? await estimate(client, deployer, data) : undefined) ?? creationGas(data, leaves))
    steps.push({ name, address, done, gas, value: 0n, most: withMargin(gas) * fees.most })
  }
  if (design.tokenInitCode !== undefined) {
    const code = token.kind === 'test' ? runtimeCodes.TestMystToken : runtimeCodes.MystToken
    await step('token', design.token, callOf(design, 'token'), [size(code.deployedBytecode)])
  }
  const { Registry, ConsumerChannel, Accountant } = runtimeCodes
  const leaves = [Registry, ConsumerChannel, Accountant].map(({ deployedBytecode }) => size(deployedBytecode))
  await step('registry', design.registry, callOf(design, 'registry'), leaves)
  return steps
}

/** What the proxy is called with. */
export function callOf({ salt, tokenInitCode, registryInitCode }: NetworkDesign, name: 'token' | 'registry'): Hex {
  return proxyCall(salt as Bytes32, name === 'registry' ? registryInitCode : (tokenInitCode as Hex))
}

/** Undefined where the chain would not create it now. @throws Fault `chain-unreachable`. */
export function estimate({ rpc, rpcUrl }: ChainClient, account: Address, data: Hex): Promise<bigint | undefined> {
  return reach(rpcUrl, async () => {
    try {
      return await rpc.estimateGas({ account, to: deterministicProxy.address, data, blockTag: 'latest' })
    } catch (cause) {
      if (isAway(cause)) throw cause
      return undefined
    }
  })
}

async function planProxy(client: ChainClient, fees: Fees): Promise<PlannedStep> {
  const { address, runtimeCode, signer, cost } = deterministicProxy
  const code = toHex(await codeAt(client, address))
  const done = code !== '0x'
  if (done && code !== runtimeCode) throw new Fault('proxy-unknown', { address, chainId: client.chainId })
  if (done) return { name: 'proxy', address, done, gas: 0n, value: 0n, most: 0n }
  const [held, used] = await reach(client.rpcUrl, () =>
    Promise.all([client.rpc.getBalance({ address: signer }), client.rpc.getTransactionCount({ address: signer })]),
  )
  // Its one transaction was mined, and failed: this chain's gas is not Ethereum's.
  if (used > 0) throw new Fault('proxy-impossible', { address, chainId: client.chainId })
  const value = held < cost ? cost - held : 0n
  const gas = value === 0n ? 0n : transferGas
  return { name: 'proxy', address, done, gas, value, most: value + gas * fees.most }
}
