/**
 * What a network consists of on chain, and where: computed, before anything is sent.
 *
 * The registry's address binds its code, the token and all terms; the registry then creates both implementations, as the
 * first and the second that it ever creates.
 *
 * @module
 */

import {
  mystTokenAbi,
  mystTokenBytecode,
  registryAbi,
  registryBytecode,
  testMystTokenAbi,
  testMystTokenBytecode,
} from '@myst/contracts'
import type { Address, Bytes32, Hex } from '@myst/protocol'
import { decodeAbiParameters, encodeDeployData, getContractAddress, slice } from 'viem'
import { networkSalt, proxyCreates } from './deterministic-proxy.ts'
import type { RegistryTerms } from './terms.ts'

export type TokenChoice = { readonly kind: 'existing'; readonly address: Address } | NewToken

export type NewToken =
  /** All of it goes to `holder`; nobody can make more. Base units. */
  | { readonly kind: 'fixed'; readonly holder: Address; readonly supply: bigint }
  /** Anybody draws what it wants. */
  | { readonly kind: 'test' }

/** Where MYST is worth money; the test token's contract refuses the same. */
export const realChainIds: ReadonlySet<bigint> = new Set([1n, 137n])

export interface NetworkDesign {
  readonly salt: Bytes32
  readonly token: Address
  /** Absent where the token is there already. */
  readonly tokenInitCode?: Hex
  readonly registry: Address
  readonly registryInitCode: Hex
  readonly channelImplementation: Address
  readonly accountantImplementation: Address
}

export function designNetwork(networkId: string, choice: TokenChoice, terms: RegistryTerms): NetworkDesign {
  const salt = networkSalt(networkId)
  const tokenInitCode = choice.kind === 'existing' ? undefined : initCodeOf(choice)
  const token = choice.kind === 'existing' ? choice.address : proxyCreates(salt, initCodeOf(choice))
  const registryInitCode = encodeDeployData({ abi: registryAbi, bytecode: registryBytecode, args: [token, terms] })
  const registry = proxyCreates(salt, registryInitCode)
  return {
    salt,
    token,
    ...(tokenInitCode === undefined ? {} : { tokenInitCode }),
    registry,
    registryInitCode,
    ...implementationsOf(registry),
  }
}

export function initCodeOf(choice: NewToken): Hex {
  if (choice.kind === 'test') {
    return encodeDeployData({ abi: testMystTokenAbi, bytecode: testMystTokenBytecode, args: [] })
  }
  const { holder, supply } = choice
  return encodeDeployData({ abi: mystTokenAbi, bytecode: mystTokenBytecode, args: [holder, supply] })
}

export function implementationsOf(registry: Address) {
  const created = (nonce: bigint) => getContractAddress({ from: registry, nonce }).toLowerCase() as Address
  // A contract's nonce begins with 1.
  return { channelImplementation: created(1n), accountantImplementation: created(2n) }
}

/** What a registry of this version was given; undefined where the code before it is another one. */
export function readRegistryInitCode(
  initCode: Hex,
): { readonly token: Address; readonly terms: RegistryTerms } | undefined {
  if (!initCode.startsWith(registryBytecode)) return undefined
  const [{ inputs }] = registryAbi
  const given = slice(initCode, registryBytecode.length / 2 - 1)
  const [token, terms] = decodeAbiParameters(inputs, given)
  return {
    token: token.toLowerCase() as Address,
    terms: { ...terms, feeRecipient: terms.feeRecipient.toLowerCase() as Address },
  }
}
