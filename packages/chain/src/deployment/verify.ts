/**
 * Whether what is on chain is this version of the contracts with certain terms.
 *
 * The transaction that created the registry proves the terms: its init code ends with them, and the address is a hash of
 * it. The code at each address must then be the compiler's, its immutables the terms, and its getters must say the same.
 *
 * @module
 */

import { accountantAbi, consumerChannelAbi, registryAbi } from '@myst/contracts'
import { type Address, type Bytes32, Fault, fromHex, toHex } from '@myst/protocol'
import { type ChainClient, reach } from '../chain-client.ts'
import { codeAt } from './code.ts'
import { deterministicProxy, networkSalt, proxyCreates, readProxyCall } from './deterministic-proxy.ts'
import { implementationsOf, initCodeOf, readRegistryInitCode } from './network-design.ts'
import { firstDifference, type RuntimeCode, runtimeCodes, tokenImmutables, wordOf } from './runtime-code.ts'
import type { RegistryTerms } from './terms.ts'
import { readToken } from './token.ts'

/** What a network profile says. */
export interface NetworkClaim {
  readonly networkId: string
  readonly contracts: { readonly token: Address; readonly registry: Address; readonly channelImplementation: Address }
  readonly deployedAtBlock: bigint
}

export type OwnToken = 'MystToken' | 'TestMystToken'

export interface VerifiedNetwork {
  readonly token: Address
  /** What the code of the token is; a foreign one answers as an ERC-20 does, and more is not known. */
  readonly tokenKind: OwnToken | 'foreign'
  readonly decimals: number
  readonly registry: Address
  readonly channelImplementation: Address
  readonly accountantImplementation: Address
  readonly terms: RegistryTerms
}

/**
 * @param expectedToken whoever deployed the token knows which it is; others are told.
 * @throws Fault `deployment-unproven`, `deployment-missing`, `deployment-code-mismatch`, `deployment-value-mismatch`,
 * `token-unusable`, `chain-unreachable`.
 */
export async function verifyNetwork(
  client: ChainClient,
  claim: NetworkClaim,
  expectedToken?: OwnToken,
): Promise<VerifiedNetwork> {
  const { token, registry, channelImplementation } = claim.contracts
  const { accountantImplementation, ...predicted } = implementationsOf(registry)
  requireSame('profile', 'channelImplementation', predicted.channelImplementation, channelImplementation)
  const { terms, ...given } = await readTerms(client, claim)
  requireSame('profile', 'token', given.token, token)
  const { decimals } = await readToken(client, token)
  const maxRegistrationFee = 10n ** BigInt(decimals)

  const shared = [token, registry, terms.exitDelay]
  const contracts: readonly (readonly [string, Address, RuntimeCode, readonly (bigint | Address)[]])[] = [
    [
      'Registry',
      registry,
      runtimeCodes.Registry,
      [
        ...[token, channelImplementation, accountantImplementation, terms.feeRecipient],
        ...[terms.registrationFee, maxRegistrationFee, terms.minimumOperatorStake],
      ],
    ],
    ['ConsumerChannel', channelImplementation, runtimeCodes.ConsumerChannel, [...shared, channelImplementation]],
    [
      'Accountant',
      accountantImplementation,
      runtimeCodes.Accountant,
      [...shared, accountantImplementation, terms.rateNotice, terms.rotationNotice, terms.closingDelay],
    ],
  ]
  await Promise.all(
    contracts.map(([contract, address, code, values]) =>
      requireCode(client, contract, address, code, new Set(values.map(wordOf))),
    ),
  )
  await requireAnswers(client, registry, {
    token,
    channelImplementation,
    accountantImplementation,
    maxRegistrationFee,
    feeRecipient: terms.feeRecipient,
    registrationFee: terms.registrationFee,
    minimumOperatorStake: terms.minimumOperatorStake,
  })
  const read = (address: Address, abi: typeof consumerChannelAbi | typeof accountantAbi) =>
    reach(client.rpcUrl, () => client.rpc.readContract({ address, abi, functionName: 'exitDelay' }))
  const [channelDelay, accountantDelay] = await Promise.all([
    read(channelImplementation, consumerChannelAbi),
    read(accountantImplementation, accountantAbi),
  ])
  requireSame('ConsumerChannel', 'exitDelay', terms.exitDelay, channelDelay)
  requireSame('Accountant', 'exitDelay', terms.exitDelay, accountantDelay)
  const tokenKind = await tokenKindOf(client, token, expectedToken ?? ownTokenAt(claim.networkId, token))
  return { token, tokenKind, decimals, registry, channelImplementation, accountantImplementation, terms }
}

/** From the transaction that made the registry, which is in the block that the profile names. */
async function readTerms(client: ChainClient, { networkId, contracts, deployedAtBlock }: NetworkClaim) {
  const { registry } = contracts
  if ((await codeAt(client, registry)).length === 0) {
    throw new Fault('deployment-missing', { contract: 'Registry', address: registry, chainId: client.chainId })
  }
  const { transactions } = await reach(client.rpcUrl, () =>
    client.rpc.getBlock({ blockNumber: deployedAtBlock, includeTransactions: true }),
  )
  const salt = networkSalt(networkId)
  for (const { to, input } of transactions) {
    if (to?.toLowerCase() !== deterministicProxy.address) continue
    const call = readProxyCall(input)
    if (call === undefined || call.salt !== salt || proxyCreates(salt, call.initCode) !== registry) continue
    const given = readRegistryInitCode(call.initCode)
    if (given !== undefined) return given
  }
  throw new Fault('deployment-unproven', { registry, block: deployedAtBlock, networkId })
}

async function requireCode(
  client: ChainClient,
  contract: string,
  address: Address,
  expected: RuntimeCode,
  values: ReadonlySet<Bytes32>,
): Promise<void> {
  const found = await codeAt(client, address)
  if (found.length === 0) throw new Fault('deployment-missing', { contract, address, chainId: client.chainId })
  const byte = firstDifference(expected, found, values)
  if (byte === undefined) return
  const at = (code: Uint8Array) => toHex(code.subarray(byte, byte + 1))
  const facts = { expected: at(fromHex(expected.deployedBytecode)), found: at(found) }
  throw new Fault('deployment-code-mismatch', { contract, address, byte, ...facts })
}

type RegistryAnswers = Readonly<
  Record<
    | 'token'
    | 'channelImplementation'
    | 'accountantImplementation'
    | 'feeRecipient'
    | 'registrationFee'
    | 'maxRegistrationFee'
    | 'minimumOperatorStake',
    bigint | Address
  >
>

async function requireAnswers(client: ChainClient, registry: Address, expected: RegistryAnswers): Promise<void> {
  for (const functionName of Object.keys(expected) as (keyof RegistryAnswers)[]) {
    const answer = await reach(client.rpcUrl, () =>
      client.rpc.readContract({ address: registry, abi: registryAbi, functionName }),
    )
    const found = typeof answer === 'string' ? (answer.toLowerCase() as Address) : answer
    requireSame('Registry', functionName, expected[functionName], found)
  }
}

function requireSame(contract: string, value: string, expected: bigint | Address, found: bigint | Address): void {
  if (expected !== found) throw new Fault('deployment-value-mismatch', { contract, value, expected, found })
}

/** The test token is made without arguments, so its address alone says that it must be there. */
const ownTokenAt = (networkId: string, token: Address): OwnToken | undefined =>
  proxyCreates(networkSalt(networkId), initCodeOf({ kind: 'test' })) === token ? 'TestMystToken' : undefined

async function tokenKindOf(
  client: ChainClient,
  token: Address,
  expected: OwnToken | undefined,
): Promise<VerifiedNetwork['tokenKind']> {
  const values = tokenImmutables(token, client.chainId)
  if (expected !== undefined) {
    await requireCode(client, expected, token, runtimeCodes[expected], values)
    return expected
  }
  const code = await codeAt(client, token)
  const kinds: readonly OwnToken[] = ['MystToken', 'TestMystToken']
  return kinds.find((kind) => firstDifference(runtimeCodes[kind], code, values) === undefined) ?? 'foreign'
}
