/**
 * Whether a network's token is the one that anybody can draw from: the code says it, nobody's word does.
 *
 * @module
 */

import type { Address } from '@myst/protocol'
import type { ChainClient } from './chain-client.ts'
import { codeAt } from './deployment/code.ts'
import { firstDifference, runtimeCodes, tokenImmutables } from './deployment/runtime-code.ts'

/** @throws Fault `chain-unreachable`. */
export async function isTestToken(client: ChainClient, token: Address): Promise<boolean> {
  const code = await codeAt(client, token)
  return firstDifference(runtimeCodes.TestMystToken, code, tokenImmutables(token, client.chainId)) === undefined
}
