/**
 * Plans an accountant's registration, and carries it out: from a question to an entry in the network's profile.
 *
 * @module
 */

import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type AccountantPlan, type ChainClient, connectChain, enterAccountant, planAccountant } from '@myst/chain'
import { readProfile } from '@myst/program'
import { type Address, Fault, isAddress, type NetworkProfile } from '@myst/protocol'
import { deployerAddress, unlockDeployer } from './deployer-key.ts'
import { enterInProfile } from './profile-file.ts'
import type { PlanAccountantQuestion, RegisterAccountantQuestion, Tell } from './question.ts'

/** Asked this often whether a transaction is mined. */
const pollingMs = 250

export async function planEntry(question: PlanAccountantQuestion): Promise<object> {
  const { planned, profile } = await look(question)
  return answerOf(question, profile, planned)
}

export async function register(question: RegisterAccountantQuestion, tell: Tell): Promise<object> {
  const { client, planned, profile } = await look(question, BigInt(question.maxFeePerGas))
  let transactions: Awaited<ReturnType<typeof enterAccountant>> = []
  if (planned.steps.some(({ done }) => !done)) {
    tell({ stage: 'decrypting' })
    const { loadNativeCrypto } = await import('@myst/crypto-native')
    const key = await unlockDeployer(await loadNativeCrypto(), question, question)
    transactions = await enterAccountant(client, key, planned, tell)
  }
  const { accountant: address, operator } = planned
  const entered = await enterInProfile(question.network, { address, operator, url: question.url })
  const answer = answerOf(question, profile, planned)
  return { ...answer, transactions, profile: { path: question.network, entered } }
}

async function look(
  question: PlanAccountantQuestion | RegisterAccountantQuestion,
  maxFeePerGas?: bigint,
): Promise<{ readonly client: ChainClient; readonly planned: AccountantPlan; readonly profile: NetworkProfile }> {
  const { network: path, rpcUrl, feeRate, stake, url } = question
  const profile = await readProfile(path)
  // Written beside and renamed: the folder must take a file. Looked at before anything is paid for.
  for (const place of [path, dirname(path)]) {
    await access(place, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
      throw new Fault('profile-unwritable', { path: place, why: cause.code }, { cause })
    })
  }
  const asked = rpcUrl ?? profile.rpcUrls[0]
  if (asked === undefined) throw new Fault('profile-incomplete', { path })
  const [owner, operator] = [await deployerAddress(question), await operatorOf(question)]
  const client = await connectChain({ rpcUrl: asked, chainId: profile.chainId, pollingMs })
  const wish = {
    owner,
    operator,
    feeRate: BigInt(feeRate),
    url,
    ...(stake === undefined ? {} : { stake: BigInt(stake) }),
  }
  return { client, profile, planned: await planAccountant(client, profile.contracts, wish, maxFeePerGas) }
}

const operatorOf = ({ operator, dataDir }: PlanAccountantQuestion | RegisterAccountantQuestion): Promise<Address> =>
  isAddress(operator) ? Promise.resolve(operator) : deployerAddress({ dataDir, keystore: operator })

function answerOf({ network }: { readonly network: string }, profile: NetworkProfile, planned: AccountantPlan): object {
  const { fees, contracts: _, ...plan } = planned
  const { networkId, accountants } = profile
  const entered = accountants.some(({ address }) => address === planned.accountant)
  return { networkId, ...plan, fees: { expected: fees.expected, most: fees.most }, profile: { path: network, entered } }
}
