/**
 * Plans a deployment, and carries it out: from a question to a network profile on disk.
 *
 * @module
 */

import {
  type ChainClient,
  connectChain,
  type DeploymentPlan,
  deployNetwork,
  hastyDelays,
  planDeployment,
  type RegistryTerms,
  type TokenChoice,
  usualTerms,
  verifyNetwork,
} from '@myst/chain'
import { type Address, assert, type NetworkProfile, parseNetworkProfile } from '@myst/protocol'
import { deployerAddress, unlockDeployer } from './deployer-key.ts'
import { checkProfileFile, writeProfileFile } from './profile-file.ts'
import type { DeployQuestion, PlanQuestion, Tell } from './question.ts'

/** Asked this often whether a transaction is mined: fast chains have a block in a quarter of a second. */
const pollingMs = 250

export async function plan(question: PlanQuestion): Promise<object> {
  const { planned, profileKept } = await look(question)
  return { ...planAnswer(planned), profile: { path: question.out, kept: profileKept } }
}

export async function deploy(question: DeployQuestion, tell: Tell): Promise<object> {
  const { out, publicRpcUrls, confirmationDepth } = question
  const { client, planned, profileKept } = await look(question, BigInt(question.maxFeePerGas))
  const { design, networkId, chainId, token } = planned
  let done: Awaited<ReturnType<typeof deployNetwork>>
  if (planned.steps.every((step) => step.done)) {
    done = await deployNetwork(client, undefined, planned)
  } else {
    tell({ stage: 'decrypting' })
    const { loadNativeCrypto } = await import('@myst/crypto-native')
    const key = await unlockDeployer(await loadNativeCrypto(), question, question)
    done = await deployNetwork(client, key, planned, { onProgress: tell })
  }
  tell({ stage: 'verifying' })
  const contracts = {
    token: design.token,
    registry: design.registry,
    channelImplementation: design.channelImplementation,
  }
  const { deployedAtBlock, transactions } = done
  const ownToken = { existing: undefined, fixed: 'MystToken', test: 'TestMystToken' } as const
  await verifyNetwork(client, { networkId, contracts, deployedAtBlock }, ownToken[token.kind])
  const profile: NetworkProfile = {
    networkId,
    chainId,
    rpcUrls: publicRpcUrls,
    contracts,
    deployedAtBlock,
    confirmationDepth,
    accountants: [],
    transactorUrls: [],
    bootstrap: [],
    stunServers: [],
    exit: { publicRanges: [], publicEndpoints: [] },
    priceScale: 1n,
  }
  assert(parseNetworkProfile(JSON.parse(JSON.stringify(profile, decimal))).ok, 'a profile that we write can be read')
  if (!profileKept) await writeProfileFile(out, profile)
  return { ...planAnswer(planned), deployedAtBlock, transactions, profile: { path: out, kept: profileKept } }
}

async function look(
  question: PlanQuestion | DeployQuestion,
  maxFeePerGas?: bigint,
): Promise<{ client: ChainClient; planned: DeploymentPlan; profileKept: boolean }> {
  const { rpcUrl, chainId, networkId, out } = question
  const deployer = await deployerAddress(question)
  const expected = chainId === undefined ? {} : { chainId: BigInt(chainId) }
  const client = await connectChain({ rpcUrl, pollingMs, ...expected })
  const request = { networkId, token: tokenOf(question.token, deployer), terms: termsOf(question.terms), deployer }
  const planned = await planDeployment(client, request, maxFeePerGas)
  const { design } = planned
  const profileKept = await checkProfileFile(out, { networkId, chainId: client.chainId, contracts: design })
  return { client, planned, profileKept }
}

function tokenOf(token: PlanQuestion['token'], deployer: Address): TokenChoice {
  if (token.kind === 'test') return token
  if (token.kind === 'existing') return { kind: 'existing', address: token.address as Address }
  return { kind: 'fixed', holder: (token.holder as Address) ?? deployer, supply: BigInt(token.supply) }
}

function termsOf({ feeRecipient, ...numbers }: PlanQuestion['terms']): RegistryTerms {
  const named = Object.entries(numbers).map(([name, value]) => [name, BigInt(value)])
  return {
    ...usualTerms,
    ...(feeRecipient === undefined ? {} : { feeRecipient: feeRecipient as Address }),
    ...Object.fromEntries(named),
  }
}

function planAnswer(planned: DeploymentPlan): object {
  const { networkId, chainId, deployer, balance, needed, missing, fees, steps, design, token, decimals, terms } =
    planned
  const { registry, channelImplementation, accountantImplementation } = design
  return {
    networkId,
    chainId,
    deployer,
    balance,
    needed,
    missing,
    fees: { expected: fees.expected, most: fees.most },
    steps,
    token: { ...token, address: design.token, decimals },
    contracts: { token: design.token, registry, channelImplementation, accountantImplementation },
    terms,
    hastyDelays: hastyDelays(terms),
  }
}

const decimal = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
