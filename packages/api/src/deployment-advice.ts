/**
 * What the faults of a deployment mean to a network's founder, and what to do about them.
 *
 * @module
 */

import { formatMyst, parseBaseUnits } from '@myst/protocol'
import type { Advice } from './fault-advice.ts'

const goOn = 'Run the same command again: it goes on where the chain stands.'
const otherChain = 'Use another chain.'
const notThisVersion = 'Do not pay into this network. Ask its founder which version of the contracts it has.'

const amountTerms = new Set(['registrationFee', 'minimumOperatorStake', 'stake'])

export const deploymentAdvice = {
  'deployer-underfunded': {
    status: 409,
    what: ({ address, chainId, missing }) =>
      missing === undefined
        ? `${address} has too little of the coin of chain ${chainId} for the next transaction.`
        : `${address} lacks ${coins(missing)} of the coin of chain ${chainId}.`,
    todo: 'Send it there, then run the same command again. Nothing that is done is paid for twice.',
  },
  'stake-missing': {
    status: 409,
    what: ({ address, missing }) => `${address} lacks ${coins(missing)} MYST for the stake.`,
    todo: 'Send it there, then run the same command again; or stake less, if the network allows it.',
  },
  'transaction-refused': {
    status: 409,
    what: ({ error }) => `The contract refuses it: ${error}.`,
    todo: 'Nothing was sent for it, and no gas was spent.',
  },
  'profile-unwritable': {
    status: 409,
    what: ({ path, why }) => `${path} cannot be written: ${why}.`,
    todo: 'Check the file and its rights, then run the same command again: what is on chain is not paid for twice.',
  },
  'fees-rose': {
    status: 409,
    what: 'The fees of the chain have risen above what was agreed to.',
    todo: `${goOn} It shows the new costs first.`,
  },
  'chain-too-old': {
    status: 409,
    what: ({ chainId }) => `Chain ${chainId} lacks instructions that the contracts need (Ethereum's Cancun, of 2024).`,
    todo: otherChain,
  },
  'token-unusable': {
    status: 409,
    what: ({ token, why }) => `${token} cannot be the token of a network: ${why}.`,
    todo: 'Check the address and the chain, or make a token with --token-supply.',
  },
  'token-test-only': {
    status: 409,
    what: ({ chainId }) => `The test token is not for chain ${chainId}, where MYST is worth money.`,
    todo: 'Name the token with --token, or make one with --token-supply.',
  },
  'terms-out-of-range': {
    status: 422,
    what: ({ term, value, least, most }) => {
      const show = typeof term === 'string' && amountTerms.has(term) ? coins : days
      return `${term} would be ${show(value)}; it can be ${show(least)} to ${show(most)}.`
    },
    todo: '--help has what is usual.',
  },
  'amount-too-fine': {
    status: 422,
    what: ({ amount, decimals }) => `${coins(amount)} has more than the ${decimals} decimals of the token.`,
    todo: 'Round it.',
  },
  'proxy-unknown': {
    status: 409,
    what: ({ address, chainId }) =>
      `On chain ${chainId} there is other code than the deployment proxy's at ${address}.`,
    todo: `Addresses would not follow from the contracts there. ${otherChain}`,
  },
  'proxy-impossible': {
    status: 409,
    what: ({ address, chainId }) =>
      `The deployment proxy cannot be put at ${address} on chain ${chainId}: its one transaction was used up, and failed.`,
    todo: `Ask who runs the chain to place it there, as most chains have it. Else: ${otherChain.toLowerCase()}`,
  },
  'proxy-unprotected': {
    status: 409,
    what: ({ chainId, why }) =>
      `Chain ${chainId} lacks the deployment proxy and refuses its transaction, which names no chain (EIP-155): ${why}.`,
    todo: 'Nothing was spent. Send that transaction through a node that takes it (geth: --rpc.allow-unprotected-txs), or ask who runs the chain to place the proxy.',
  },
  'proxy-refused': {
    status: 409,
    what: ({ chainId, why }) => `Chain ${chainId} lacks the deployment proxy and refuses its transaction: ${why}.`,
    todo: 'It offers 100 gwei per gas and cannot offer more: try again when fees are lower, or ask who runs the chain to place the proxy.',
  },
  'transaction-pending': {
    status: 503,
    what: ({ address, nonce }) => `Transaction ${nonce} of ${address} has been waiting for ten minutes.`,
    todo: `${goOn} Where fees have risen, replace it from a wallet first, with a higher fee.`,
  },
  'transaction-replaced': {
    status: 409,
    what: ({ nonce }) => `Another transaction of this key took the place of ours, number ${nonce}.`,
    todo: `Use the key for nothing else meanwhile. ${goOn}`,
  },
  'transaction-reverted': {
    status: 409,
    what: ({ hash }) => `Transaction ${hash} was mined, and failed.`,
    todo: `${goOn} If it stays so, look at the transaction in a block explorer.`,
  },
  'transaction-not-taken': {
    status: 409,
    what: ({ why }) => `The blockchain node refuses the transaction: ${why}.`,
    todo: goOn,
  },
  'deployment-refused': {
    status: 409,
    what: ({ contract, address }) => `The chain would not create the ${contract} at ${address}.`,
    todo: 'Its blocks may be too small for it, or its limits lower than those of Ethereum. Nothing was sent for it.',
  },
  'deployment-failed': {
    status: 503,
    what: ({ step, address }) => `The transaction was mined, and the ${step} is still not at ${address}.`,
    todo: `The blockchain node may lag behind. ${goOn}`,
  },
  'deployment-missing': {
    status: 409,
    what: ({ contract, address, chainId }) => `There is no ${contract} at ${address} on chain ${chainId}.`,
    todo: 'Check that this is the right profile, and the right chain.',
  },
  'deployment-code-mismatch': {
    status: 409,
    what: ({ contract, address, byte, expected, found }) =>
      `The code of ${contract} at ${address} is not the one of this version: byte ${byte} is ${found}, not ${expected}.`,
    todo: notThisVersion,
  },
  'deployment-value-mismatch': {
    status: 409,
    what: ({ contract, value, expected, found }) =>
      `${contract} does not fit the registry: ${value} is ${found}, not ${expected}.`,
    todo: notThisVersion,
  },
  'deployment-unproven': {
    status: 409,
    what: ({ registry, block, networkId }) =>
      `Block ${block} has no transaction that made ${registry} for a network called ${networkId}, with the code of this version.`,
    todo: 'So its terms are not shown by the chain. Ask its founder how it was deployed, or which version it has.',
  },
  'deployment-block-unknown': {
    status: 409,
    what: ({ address, oldest }) =>
      `${address} is older than what the blockchain node remembers, which begins with block ${oldest}.`,
    todo: 'All contracts are there; only the profile is missing. Run the same command with a node that keeps history (an archive node).',
  },
  'profile-other': {
    status: 409,
    what: ({ path, networkId }) => `${path} is there, and is not the profile of this network ${networkId}.`,
    todo: 'Nothing was sent. Choose another name with --out, or other terms.',
  },
  'profile-unreadable': {
    status: 422,
    what: ({ path }) => `${path} cannot be read as a network profile.`,
    todo: 'Check the path, and that it holds JSON.',
  },
  'file-unwritable': {
    status: 409,
    what: ({ path, why }) => `${path} cannot be written: ${why}.`,
    todo: 'Check the folder and its rights, or choose another name with --out.',
  },
  'confirmation-missing': {
    status: 422,
    what: 'There is nobody to ask whether this is to be sent.',
    todo: 'Look with --dry-run, then agree with --yes (a deployment: and --chain-id).',
  },
  'confirmation-refused': { status: 409, what: 'Nothing was sent.', todo: '' },
  interrupted: {
    status: 409,
    what: 'Stopped.',
    todo: `What was sent stays on chain. ${goOn}`,
  },
} as const satisfies Record<string, Advice>

/** A delay among the facts, in seconds. */
function days(fact: unknown): string {
  const seconds = Number(fact)
  return seconds < 86_400 ? `${seconds} s` : `${Math.trunc(seconds / 86_400)} days`
}

/** A sum among the facts, in units of 10¹⁸: a bigint in the process, a decimal string after JSON. */
export function coins(fact: unknown): string {
  const amount = parseBaseUnits(String(fact))
  return amount.ok ? formatMyst(amount.value) : 'some'
}
