/**
 * Registers an accountant: its owner approves the stake to the registry, which then makes the contract and takes the stake.
 *
 * The contract's address follows from owner and operator alone, and all progress is on chain: a run that was killed is begun
 * again, and sends what is left.
 *
 * @module
 */

import { mystTokenAbi, registryAbi } from '@myst/contracts'
import { type Address, assert, Fault, type Hex, toHex } from '@myst/protocol'
import { encodeFunctionData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ChainClient, reach } from '../chain-client.ts'
import { type Call, simulate, typedCall } from '../simulate.ts'
import { type Fees, readFees, withMargin } from './fees.ts'
import { readToken } from './token.ts'
import { sendOnce, type Waiting } from './transaction.ts'

export interface AccountantWish {
  readonly owner: Address
  readonly operator: Address
  /** In 10⁻¹⁸, whatever decimals the token has; absent: the least that the registry takes. */
  readonly stake?: bigint
  /** Basis points. */
  readonly feeRate: bigint
  readonly url: string
}

export type AccountantStepName = 'approval' | 'accountant'

export interface AccountantStep {
  readonly name: AccountantStepName
  readonly done: boolean
  readonly gas: bigint
  /** All it can cost. */
  readonly most: bigint
}

export interface AccountantPlan extends AccountantWish {
  readonly chainId: bigint
  readonly contracts: Contracts
  readonly accountant: Address
  /** Base units of the token. */
  readonly stake: bigint
  readonly decimals: number
  readonly fees: Fees
  readonly steps: readonly AccountantStep[]
  /** The owner's, of the chain's coin. */
  readonly balance: bigint
  readonly needed: bigint
  readonly missing: bigint
  /** The owner's, of the token. */
  readonly held: bigint
  readonly missingStake: bigint
}

interface Contracts {
  readonly token: Address
  readonly registry: Address
}

/** An approval of OpenZeppelin's ERC-20 uses 46,000 gas; other tokens some more. */
const approvalGas = 100_000n
/** Clone, books, transfer, and a URL of 256 bytes in nine slots. */
const registrationGas = 600_000n

/** @throws Fault `terms-out-of-range`, `amount-too-fine`, `token-unusable`, `fees-rose`, `chain-unreachable`. */
export async function planAccountant(
  client: ChainClient,
  { token, registry }: Contracts,
  wish: AccountantWish,
  maxFeePerGas?: bigint,
): Promise<AccountantPlan> {
  const { owner, operator, feeRate } = wish
  const { rpc, rpcUrl, chainId } = client
  const ofToken = { address: token, abi: mystTokenAbi } as const
  const ofRegistry = { address: registry, abi: registryAbi } as const
  const [{ decimals }, least, found, held, allowance, balance, fees] = await Promise.all([
    readToken(client, token),
    reach(rpcUrl, () => rpc.readContract({ ...ofRegistry, functionName: 'minimumOperatorStake' })),
    reach(rpcUrl, () =>
      rpc.readContract({ ...ofRegistry, functionName: 'accountantAddress', args: [owner, operator] }),
    ),
    reach(rpcUrl, () => rpc.readContract({ ...ofToken, functionName: 'balanceOf', args: [owner] })),
    reach(rpcUrl, () => rpc.readContract({ ...ofToken, functionName: 'allowance', args: [owner, registry] })),
    reach(rpcUrl, () => rpc.getBalance({ address: owner })),
    readFees(client, maxFeePerGas),
  ])
  const accountant = found.toLowerCase() as Address
  const unit = 10n ** BigInt(18 - decimals)
  if (wish.stake !== undefined && wish.stake % unit !== 0n) {
    throw new Fault('amount-too-fine', { amount: wish.stake, decimals })
  }
  const stake = wish.stake === undefined ? least : wish.stake / unit
  if (stake < least || stake > maxStake) {
    throw new Fault('terms-out-of-range', {
      term: 'stake',
      value: stake * unit,
      least: least * unit,
      most: maxStake * unit,
    })
  }
  const registered = await isRegistered(client, registry, accountant)
  const steps = [
    stepOf('approval', registered || allowance >= stake, approvalGas, fees),
    stepOf('accountant', registered, registrationGas, fees),
  ]
  const needed = steps.filter(({ done }) => !done).reduce((sum, { most }) => sum + most, 0n)
  const lacking = (has: bigint, needs: bigint) => (needs > has ? needs - has : 0n)
  return {
    chainId,
    contracts: { token, registry },
    owner,
    operator,
    accountant,
    stake,
    decimals,
    feeRate,
    url: wish.url,
    fees,
    steps,
    balance,
    needed,
    missing: lacking(balance, needed),
    held,
    missingStake: registered ? 0n : lacking(held, stake),
  }
}

/** The contract books it in 128 bits. */
const maxStake = 2n ** 128n - 1n

const stepOf = (name: AccountantStepName, done: boolean, gas: bigint, { most }: Fees): AccountantStep => ({
  name,
  done,
  gas,
  most: gas * most,
})

export type AccountantProgress =
  | { readonly step: AccountantStepName; readonly state: 'waiting-earlier'; readonly nonce: number }
  | { readonly step: AccountantStepName; readonly state: 'sent'; readonly hash: Hex }
  | { readonly step: AccountantStepName; readonly state: 'done'; readonly hash?: Hex }

/**
 * Safe to be killed at any moment and run again.
 *
 * @param privateKey of the owner.
 * @throws Fault `deployer-underfunded`, `stake-missing`, `transaction-refused`, those of `sendOnce`.
 */
export async function enterAccountant(
  client: ChainClient,
  privateKey: Uint8Array,
  plan: AccountantPlan,
  onProgress: (progress: AccountantProgress) => void = () => {},
): Promise<readonly { readonly step: AccountantStepName; readonly hash: Hex }[]> {
  const { owner, operator, stake, feeRate, url, accountant, fees, chainId } = plan
  const { token, registry } = plan.contracts
  const { rpc, rpcUrl } = client
  const account = privateKeyToAccount(toHex(privateKey))
  assert(account.address.toLowerCase() === owner, 'the plan is for another key')
  const { balance, needed, missing, held, missingStake } = plan
  if (missing > 0n) throw new Fault('deployer-underfunded', { address: owner, chainId, balance, needed, missing })
  if (missingStake > 0n) throw new Fault('stake-missing', { address: owner, token, held, missing: missingStake })

  const registered = () => isRegistered(client, registry, accountant)
  const approved = async () =>
    (await reach(rpcUrl, () =>
      rpc.readContract({ address: token, abi: mystTokenAbi, functionName: 'allowance', args: [owner, registry] }),
    )) >= stake
  const approval = typedCall({ to: token, abi: mystTokenAbi, name: 'approve', args: [registry, stake] })
  const args = [operator, stake, feeRate, url] as const
  const entry = typedCall({ to: registry, abi: registryAbi, name: 'registerAccountant', args })
  const calls = [
    ['approval', approval, async () => (await registered()) || (await approved())],
    ['accountant', entry, registered],
  ] as const
  const transactions: { step: AccountantStepName; hash: Hex }[] = []
  for (const [step, call, isDone] of calls) {
    const payload = { to: call.to, data: dataOf(call), gas: () => gasOf(client, owner, call) }
    const mined = await sendOnce(client, account, payload, { fees, isDone, onWait: tell(step) })
    if (mined === undefined) continue
    transactions.push({ step, hash: mined.hash })
    onProgress({ step, state: 'done', hash: mined.hash })
  }
  if (!(await registered())) throw new Fault('deployment-failed', { step: 'accountant', address: accountant })
  return transactions

  function tell(step: AccountantStepName): (waiting: Waiting) => void {
    return (waiting) =>
      onProgress(
        waiting.kind === 'sent'
          ? { step, state: 'sent', hash: waiting.hash }
          : { step, state: 'waiting-earlier', nonce: waiting.nonce },
      )
  }
}

const dataOf = ({ abi, name, args }: Call): Hex => encodeFunctionData({ abi, functionName: name, args } as never)

/** What the contract refuses is heard here, by its name, and costs nothing. */
async function gasOf(client: ChainClient, owner: Address, call: Call): Promise<bigint> {
  await simulate(client, owner, call)
  return withMargin(
    await reach(client.rpcUrl, () => client.rpc.estimateGas({ account: owner, to: call.to, data: dataOf(call) })),
  )
}

function isRegistered({ rpc, rpcUrl }: ChainClient, registry: Address, accountant: Address): Promise<boolean> {
  return reach(rpcUrl, () =>
    rpc.readContract({ address: registry, abi: registryAbi, functionName: 'isAccountant', args: [accountant] }),
  )
}
