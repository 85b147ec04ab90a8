/**
 * The devnet's contracts and its first accountant, deployed with anvil's well-known rich keys.
 *
 * @module
 */

import {
  type ChainClient,
  createSender,
  deployTestNetwork,
  type NetworkContracts,
  registerAccountant,
  type Sender,
} from '@myst/chain'
import { testMystTokenAbi } from '@myst/contracts'
import { type Address, fromHex, myst, zeroAddress } from '@myst/protocol'

/** Keys that every anvil knows and funds; worth nothing anywhere else. */
export const richKeys = {
  deployer: fromHex('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'),
  operator: fromHex('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'),
  transactor: fromHex('0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'),
} as const

/** 0.1 MYST: what a new identity costs here. */
export const registrationFee = myst / 10n
/** 5 %: a round figure that shows in every sum. */
const feeRate = 500n
const stake = 1000n * myst
const funds = 1000n * myst

export interface DevnetContracts {
  readonly contracts: NetworkContracts
  readonly accountant: Address
  readonly deployedAtBlock: bigint
  readonly transactor: Address
  /** What the accountant's contract held at first: its stake, and what it settles from. */
  readonly startBalance: bigint
  /** Pays MYST to anybody: a test network's tap. */
  faucet(to: Address, amount: bigint): Promise<void>
}

export async function deployDevnet(
  client: ChainClient,
  { operator, transactor }: { readonly operator: Address; readonly transactor: Address },
  accountantUrl: string,
): Promise<DevnetContracts> {
  const sender: Sender = createSender(client, richKeys.deployer)
  const deployedAtBlock = await client.rpc.getBlockNumber()
  const contracts = await deployTestNetwork(client, sender, {
    feeRecipient: zeroAddress,
    registrationFee,
    minimumOperatorStake: 100n * myst,
    exitDelay: 4n * 86_400n,
    rateNotice: 7n * 86_400n,
    rotationNotice: 14n * 86_400n,
    closingDelay: 60n * 86_400n,
  })
  const faucet = async (to: Address, amount: bigint) => {
    await sender.send({ to: contracts.token, abi: testMystTokenAbi, name: 'faucet', args: [to, amount] })
  }
  await faucet(sender.address, stake + funds)
  const accountant = await registerAccountant(client, sender, contracts, {
    operator,
    stake,
    feeRate,
    url: accountantUrl,
    funds,
  })
  return { contracts, accountant, deployedAtBlock, transactor, startBalance: stake + funds, faucet }
}
