/**
 * A network's deployment against a real chain, stopped at every step, with tokens, nodes and code that are not as they
 * should be. The command around it: `deploy-command.test.ts`.
 */

import {
  connectChain,
  type DeploymentPlan,
  type DeploymentRequest,
  deployNetwork,
  planDeployment,
  type StepProgress,
  type TokenChoice,
  usualTerms,
  verifyNetwork,
} from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, fromHex, type Hex, myst, toHex, zeroAddress } from '@myst/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FounderChain, misbehavingNode, openFounderChain } from './deployment.fixture.ts'

const host = '127.0.0.61'
const crypto = await loadNativeCrypto()
const proxy = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const proxySigner = '0x3fab184622dc19b6109349b94811493bf2a45362'

let chain: FounderChain
beforeAll(async () => {
  chain = await openFounderChain(crypto, host)
})
afterAll(() => chain.close())

let networks = 0
const nextId = () => `network-${networks++}`

async function planned(
  more: Partial<DeploymentRequest> = {},
  founder?: { key: Uint8Array; address: Address },
): Promise<{ plan: DeploymentPlan; key: Uint8Array; again(): Promise<DeploymentPlan> }> {
  const { key, address } = founder ?? (await chain.founder())
  const token: TokenChoice = { kind: 'test' }
  const request = { networkId: nextId(), token, terms: usualTerms, deployer: address, ...more }
  const again = () => planDeployment(chain.client, request)
  return { plan: await again(), key, again }
}

const sentBy = (address: Address) => chain.client.rpc.getTransactionCount({ address })
const claimOf = ({ networkId, design }: DeploymentPlan, deployedAtBlock: bigint) => ({
  networkId,
  deployedAtBlock,
  contracts: {
    token: design.token,
    registry: design.registry,
    channelImplementation: design.channelImplementation,
  },
})
const code = (of: string, facts: object = {}) =>
  expect.objectContaining({ code: of, facts: expect.objectContaining(facts) })

test('deploys what was planned, at most for what was planned, in the block it says', async () => {
  const { plan, key, again } = await planned()
  expect(plan.missing).toBe(0n)
  const { deployedAtBlock, transactions } = await deployNetwork(chain.client, key, plan)
  expect(transactions.map(({ step }) => step)).toEqual(['token', 'registry'])

  const receipts = await Promise.all(transactions.map(({ hash }) => chain.client.rpc.getTransactionReceipt({ hash })))
  const balance = await chain.client.rpc.getBalance({ address: plan.deployer })
  const spent = receipts.reduce((sum, { gasUsed, effectiveGasPrice }) => sum + gasUsed * effectiveGasPrice, 0n)
  expect(plan.balance - balance).toBe(spent)
  expect(spent).toBeLessThan(plan.needed)
  // The registry was reckoned from its bytes: its token was not there yet.
  const reckoned = Number(plan.steps.at(-1)?.gas)
  const used = Number(receipts.at(-1)?.gasUsed)
  expect(Math.abs(reckoned / used - 1)).toBeLessThan(0.1)

  expect(receipts.at(-1)?.blockNumber).toBe(deployedAtBlock)
  const { terms, tokenKind } = await verifyNetwork(chain.client, claimOf(plan, deployedAtBlock))
  expect({ terms, tokenKind }).toEqual({ terms: usualTerms, tokenKind: 'TestMystToken' })
  // Later, by somebody else: the same addresses, the same block, and nothing to send.
  await chain.ask('anvil_mine', '0x5')
  const after = await again()
  expect([after.needed, after.steps.every(({ done }) => done)]).toEqual([0n, true])
  expect(await deployNetwork(chain.client, undefined, after)).toEqual({ deployedAtBlock, transactions: [] })
})

test('the addresses follow from name, token and terms alone', async () => {
  const request = { networkId: nextId() }
  const addressOf = async (more: Partial<DeploymentRequest>) =>
    (await planned({ ...request, ...more })).plan.design.registry
  const [same, again, ...others] = await Promise.all([
    addressOf({}),
    addressOf({}),
    addressOf({ networkId: nextId() }),
    addressOf({ token: { kind: 'fixed', holder: proxySigner, supply: 1000n * myst } }),
    addressOf({ terms: { ...usualTerms, closingDelay: usualTerms.closingDelay + 1n } }),
  ])
  expect(again).toBe(same)
  expect(new Set([same, ...others]).size).toBe(4)
})

describe('stopped', () => {
  const moments: readonly [string, (progress: StepProgress) => boolean][] = [
    ['when the token is sent', ({ step, state }) => step === 'token' && state === 'sent'],
    ['when the token is there', ({ step, state }) => step === 'token' && state === 'done'],
    ['when the registry is sent', ({ step, state }) => step === 'registry' && state === 'sent'],
    ['when the registry is there', ({ step, state }) => step === 'registry' && state === 'done'],
  ]

  async function stopAt(plan: DeploymentPlan, key: Uint8Array, at: (progress: StepProgress) => boolean) {
    const stopping = new AbortController()
    const onProgress = (progress: StepProgress): void => {
      if (!at(progress)) return
      stopping.abort()
      throw new Error('stopped')
    }
    await expect(deployNetwork(chain.client, key, plan, { onProgress, signal: stopping.signal })).rejects.toThrow()
  }

  test.each(moments)('%s: the next run goes on, and sends nothing twice', async (_moment, at) => {
    const { plan, key, again } = await planned()
    await stopAt(plan, key, at)
    const resumed = await again()
    expect(resumed.design).toEqual(plan.design)
    const { deployedAtBlock } = await deployNetwork(chain.client, key, resumed)
    expect(await sentBy(plan.deployer)).toBe(2)
    await verifyNetwork(chain.client, claimOf(plan, deployedAtBlock))
  })

  test.each(['token', 'registry'] as const)('with the %s in the pool: it is waited for, not doubled', async (step) => {
    const { plan, key, again } = await planned()
    if (step === 'registry') await stopAt(plan, key, ({ state }) => state === 'done')
    const before = await again()
    await chain.holdMining()
    try {
      await stopAt(before, key, ({ state }) => state === 'sent')
      const seen: StepProgress[] = []
      const going = deployNetwork(chain.client, key, await again(), {
        onProgress: (progress) => void seen.push(progress),
      })
      await expect.poll(() => seen).toContainEqual({ step, state: 'waiting-earlier', nonce: step === 'token' ? 0 : 1 })
      await chain.resumeMining()
      const { deployedAtBlock } = await going
      expect(await sentBy(plan.deployer)).toBe(2)
      await verifyNetwork(chain.client, claimOf(plan, deployedAtBlock))
    } finally {
      await chain.resumeMining()
    }
  })

  test('and run twice at once, with one key: two transactions all the same', async () => {
    const { plan, key } = await planned()
    const both = await Promise.all([plan, plan].map((each) => deployNetwork(chain.client, key, each)))
    expect(both[0]?.deployedAtBlock).toBe(both[1]?.deployedAtBlock)
    expect(await sentBy(plan.deployer)).toBe(2)
  })
})

describe('money', () => {
  test('a key that lacks some sends nothing', async () => {
    const poor = await chain.founder(1n)
    const { plan } = await planned({}, poor)
    expect(plan.missing).toBe(plan.needed - 1n)
    const facts = { address: poor.address, missing: plan.missing }
    await expect(deployNetwork(chain.client, poor.key, plan)).rejects.toEqual(code('deployer-underfunded', facts))
    expect(await sentBy(poor.address)).toBe(0)
  })

  test('nothing is offered above the fee that was agreed to', async () => {
    const { plan } = await planned()
    const request = { ...plan, terms: usualTerms }
    const agreed = plan.fees.expected + 1n
    expect((await planDeployment(chain.client, request, agreed)).fees.most).toBeLessThanOrEqual(agreed)
    await expect(planDeployment(chain.client, request, 1n)).rejects.toEqual(code('fees-rose', { agreed: 1n }))
  })
})

describe('the token', () => {
  /** A contract that answers every call with one number. */
  async function answering(number: number): Promise<Address> {
    const address = crypto.addressOf((await chain.founder()).key)
    await chain.ask('anvil_setCode', address, `0x60${number.toString(16).padStart(2, '0')}5f5260205ff3`)
    return address
  }

  test('is made with a fixed supply', async () => {
    const holder = crypto.addressOf((await chain.founder()).key)
    const { plan, key } = await planned({ token: { kind: 'fixed', holder, supply: 1000n * myst } })
    const { deployedAtBlock } = await deployNetwork(chain.client, key, plan)
    const { tokenKind } = await verifyNetwork(chain.client, claimOf(plan, deployedAtBlock))
    expect(tokenKind).toBe('MystToken')
  })

  test('is one that is there, with fewer decimals: the terms follow', async () => {
    const token = await answering(6)
    const { plan, key } = await planned({ token: { kind: 'existing', address: token } })
    expect(plan.terms).toMatchObject({ registrationFee: 100_000n, minimumOperatorStake: 100_000_000n })
    expect(plan.steps.map(({ name }) => name)).toEqual(['proxy', 'registry'])
    const { deployedAtBlock } = await deployNetwork(chain.client, key, plan)
    const verified = await verifyNetwork(chain.client, claimOf(plan, deployedAtBlock))
    expect(verified).toMatchObject({ tokenKind: 'foreign', decimals: 6, terms: plan.terms })
    const fine = { ...usualTerms, registrationFee: 1n }
    await expect(planned({ token: { kind: 'existing', address: token }, terms: fine })).rejects.toEqual(
      code('amount-too-fine', { decimals: 6 }),
    )
  })

  test.each([
    ['no contract', async () => `0x${'99'.repeat(20)}` as Address, /there is no contract/],
    ['a contract without decimals', async () => proxy as Address, /how many decimals/],
    ['36 decimals', () => answering(36), /it has 36 decimals/],
  ])('is refused: %s', async (_what, make, why) => {
    const address = await make()
    await expect(planned({ token: { kind: 'existing', address } })).rejects.toEqual(
      code('token-unusable', { token: address, why: expect.stringMatching(why) }),
    )
  })

  test('a supply that no accountant could stake from is refused', async () => {
    await expect(planned({ token: { kind: 'fixed', holder: zeroAddress, supply: myst } })).rejects.toEqual(
      code('terms-out-of-range', { term: 'minimumOperatorStake', most: myst }),
    )
  })

  test.each([1n, 137n])('of a test network is refused on chain %i', async (chainId) => {
    await chain.ask('anvil_setChainId', Number(chainId))
    try {
      const { rpcUrl } = chain
      const client = await connectChain({ rpcUrl })
      const { address } = await chain.founder()
      const request = { networkId: nextId(), token: { kind: 'test' }, terms: usualTerms, deployer: address } as const
      await expect(planDeployment(client, request)).rejects.toEqual(code('token-test-only', { chainId }))
    } finally {
      await chain.ask('anvil_setChainId', 31_337)
    }
  })
})

describe('the code on chain', () => {
  let plan: DeploymentPlan
  let claim: ReturnType<typeof claimOf>
  beforeAll(async () => {
    const { plan: made, key } = await planned({ token: { kind: 'fixed', holder: proxySigner, supply: 1000n * myst } })
    plan = made
    claim = claimOf(plan, (await deployNetwork(chain.client, key, plan)).deployedAtBlock)
    await verifyNetwork(chain.client, claim, 'MystToken')
  })

  /** With other code in its place for a moment. */
  async function planted(address: Address, change: (code: Uint8Array) => Uint8Array, look: () => Promise<void>) {
    const own = (await chain.client.rpc.getCode({ address })) as Hex
    await chain.ask('anvil_setCode', address, toHex(change(fromHex(own))))
    try {
      await look()
    } finally {
      await chain.ask('anvil_setCode', address, own)
    }
  }

  const contracts = [
    ['Registry', 'registry'],
    ['ConsumerChannel', 'channelImplementation'],
    ['Accountant', 'accountantImplementation'],
    ['MystToken', 'token'],
  ] as const

  test.each(contracts)('of the %s: the first changed byte is named', async (contract, name) => {
    const address = plan.design[name]
    // The last byte of the code is never run: calls still answer as they should.
    let byte = 0
    const change = (own: Uint8Array): Uint8Array => {
      byte = own.length - 1
      return Uint8Array.from(own, (value, index) => (index === byte ? value ^ 1 : value))
    }
    await planted(address, change, async () => {
      const verifying = verifyNetwork(chain.client, claim, 'MystToken')
      await expect(verifying).rejects.toEqual(code('deployment-code-mismatch', { contract, address, byte }))
    })
  })

  test.each(contracts)('of the %s: none at all is told', async (contract, name) => {
    await planted(
      plan.design[name],
      () => new Uint8Array(),
      async () => {
        const found = contract === 'MystToken' ? 'token-unusable' : 'deployment-missing'
        await expect(verifyNetwork(chain.client, claim, 'MystToken')).rejects.toEqual(code(found))
      },
    )
  })

  test('another delay in the code of the channels is told', async () => {
    const delay = usualTerms.exitDelay.toString(16).padStart(64, '0')
    const shorter = (usualTerms.exitDelay - 1n).toString(16).padStart(64, '0')
    const change = (own: Uint8Array) => fromHex(toHex(own).replaceAll(delay, shorter))
    await planted(plan.design.channelImplementation, change, async () => {
      const found = code('deployment-code-mismatch', { contract: 'ConsumerChannel' })
      await expect(verifyNetwork(chain.client, claim)).rejects.toEqual(found)
    })
  })

  test.each([
    [
      'another token',
      'deployment-value-mismatch',
      () => ({ contracts: { ...claim.contracts, token: proxy as Address } }),
    ],
    [
      'another implementation',
      'deployment-value-mismatch',
      () => ({ contracts: { ...claim.contracts, channelImplementation: proxy as Address } }),
    ],
    ['another name', 'deployment-unproven', () => ({ networkId: 'leiden' })],
    ['another block', 'deployment-unproven', () => ({ deployedAtBlock: claim.deployedAtBlock - 1n })],
  ])('a profile with %s is told', async (_what, fault, change) => {
    await expect(verifyNetwork(chain.client, { ...claim, ...change() })).rejects.toEqual(code(fault))
  })
})

describe('the node', () => {
  test('that forgot when the registry came: no later block is taken for it', async () => {
    const { plan, key, again } = await planned()
    const { deployedAtBlock } = await deployNetwork(chain.client, key, plan)
    await chain.ask('anvil_mine', '0x10')
    const remembers = deployedAtBlock + 3n
    const forgetful = await misbehavingNode(chain.rpcUrl, host, ({ method, params }) =>
      method === 'eth_getCode' && /^0x/.test(params[1] ?? '') && BigInt(params[1] ?? 0) < remembers
        ? 'missing trie node'
        : undefined,
    )
    try {
      const client = await connectChain({ rpcUrl: forgetful.rpcUrl })
      const found = code('deployment-block-unknown', { oldest: remembers })
      await expect(deployNetwork(client, undefined, await again())).rejects.toEqual(found)
    } finally {
      forgetful.close()
    }
  })

  test('of a chain from before Cancun', async () => {
    const old = await openFounderChain(crypto, '127.0.0.62', ['--hardfork', 'shanghai'])
    try {
      const { address } = await old.founder()
      const request = { networkId: nextId(), token: { kind: 'test' }, terms: usualTerms, deployer: address } as const
      await expect(planDeployment(old.client, request)).rejects.toEqual(code('chain-too-old'))
    } finally {
      await old.close()
    }
  })
})

describe('without the deployment proxy', () => {
  let usual: FounderChain
  beforeAll(async () => {
    usual = chain
    chain = await openFounderChain(crypto, '127.0.0.63', ['--disable-default-create2-deployer'])
  })
  afterAll(async () => {
    await chain.close()
    chain = usual
  })

  test('other code in its place is refused', async () => {
    await chain.ask('anvil_setCode', proxy, '0x00')
    await expect(planned()).rejects.toEqual(code('proxy-unknown', { address: proxy }))
    await chain.ask('anvil_setCode', proxy, '0x')
  })

  test('a node that wants the chain in every transaction is told apart, before anything is spent', async () => {
    const strict = await misbehavingNode(chain.rpcUrl, host, ({ method, params }) =>
      method === 'eth_sendRawTransaction' && params[0]?.startsWith('0xf8a5')
        ? 'only replay-protected (EIP-155) transactions allowed over RPC'
        : undefined,
    )
    try {
      const { plan, key } = await planned()
      const client = await connectChain({ rpcUrl: strict.rpcUrl })
      await expect(deployNetwork(client, key, plan)).rejects.toEqual(code('proxy-unprotected'))
      expect(await sentBy(plan.deployer)).toBe(0)
    } finally {
      strict.close()
    }
  })

  test('it is a step of the plan, with its cost; stopped after its funding, it is not funded twice', async () => {
    // Somebody else has paid a part of it.
    await chain.ask('anvil_setBalance', proxySigner, '0x1')
    const { plan, key, again } = await planned()
    expect(plan.steps.map(({ name, done }) => [name, done])).toEqual([
      ['proxy', false],
      ['token', false],
      ['registry', false],
    ])
    expect(plan.steps[0]).toMatchObject({ value: 10n ** 16n - 1n, gas: 21_000n })
    const onProgress = ({ state }: StepProgress): void => {
      if (state === 'sent') throw new Error('stopped')
    }
    await expect(deployNetwork(chain.client, key, plan, { onProgress })).rejects.toThrow('stopped')
    await expect.poll(() => chain.client.rpc.getBalance({ address: proxySigner })).toBe(10n ** 16n)
    const resumed = await again()
    expect(resumed.steps[0]).toMatchObject({ value: 0n, gas: 0n })
    const { deployedAtBlock } = await deployNetwork(chain.client, key, resumed)
    await verifyNetwork(chain.client, claimOf(plan, deployedAtBlock))
    expect(await sentBy(plan.deployer)).toBe(3)
  })

  test('where its one transaction was used up, there is no way', async () => {
    await chain.ask('anvil_setCode', proxy, '0x')
    await expect(planned()).rejects.toEqual(code('proxy-impossible'))
  })
})
