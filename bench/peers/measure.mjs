/**
 * Peers: what checking one voucher costs in other payment-channel libraries, on one core. A process of its own, because
 * their dependencies are their own: `npm ci --ignore-scripts` in this folder.
 *
 * Each message asks for one round; the answer is a list of `{name, perSecond}` or `{name, missing}`.
 */
import { readdirSync, readFileSync } from 'node:fs'

const roundMs = 250

/** @x402/evm does not export its check of a batch-settlement voucher: it is taken from the part of the bundle that has it. */
async function x402() {
  const folder = new URL('node_modules/@x402/evm/dist/esm/', import.meta.url)
  const find = async (name) => {
    for (const file of readdirSync(folder).filter((known) => known.startsWith('chunk-') && known.endsWith('.mjs'))) {
      if (!readFileSync(new URL(file, folder), 'utf8').includes(`function ${name}(`)) continue
      const { [name]: found } = await import(new URL(file, folder))
      if (found !== undefined) return found
    }
    throw new Error(`it has no ${name}`)
  }
  const verify = await find('verifyBatchSettlementVoucherTypedData')
  const domainOf = await find('getBatchSettlementEip712Domain')
  const { privateKeyToAccount } = await import('viem/accounts')
  const account = privateKeyToAccount(key)
  const fields = { channelId: 'bytes32', maxClaimableAmount: 'uint128' }
  const signature = await account.signTypedData({
    domain: domainOf(8453),
    types: { Voucher: Object.entries(fields).map(([name, type]) => ({ name, type })) },
    primaryType: 'Voucher',
    message: { channelId: channel, maxClaimableAmount: 5n },
  })
  const params = { payerAuthorizer: account.address, payer: account.address, channelId: channel, signature }
  const check = (maxClaimableAmount) => verify({}, { ...params, maxClaimableAmount }, 8453)
  if (!(await check('5')) || (await check('6'))) throw new Error('its check fails')
  return () => check('5')
}

async function mppx() {
  const { Session } = await import('mppx/tempo')
  const { Voucher } = Session.Precompile
  const { privateKeyToAccount } = await import('viem/accounts')
  const { createClient, http } = await import('viem')
  const account = privateKeyToAccount(key)
  const escrow = `0x${'11'.repeat(20)}`
  const client = createClient({ account, transport: http('http://127.0.0.1:1') })
  const voucher = { channelId: channel, cumulativeAmount: 5n }
  const signature = await Voucher.signVoucher(client, account, voucher, escrow, 42431)
  const check = (of) => Voucher.verifyVoucher(escrow, 42431, { ...of, signature }, account.address)
  if (!check(voucher) || check({ ...voucher, cumulativeAmount: 6n })) throw new Error('its check fails')
  return () => check(voucher)
}

const key = `0x${'07'.repeat(32)}`
const channel = `0x${'ab'.repeat(32)}`

const peers = await Promise.all(
  Object.entries({ '@x402/evm 2.27.0': x402, 'mppx 0.11.0': mppx }).map(async ([name, open]) => {
    try {
      return { name, check: await open() }
    } catch (cause) {
      return { name, missing: String(cause.message).split('\n')[0] }
    }
  }),
)

async function perSecond(check) {
  const startedMs = performance.now()
  let done = 0
  for (; performance.now() - startedMs < roundMs; done++) await check()
  return (1000 * done) / (performance.now() - startedMs)
}

/** The first round is the compiler's. */
for (const { check } of peers) if (check !== undefined) await perSecond(check)

async function measure() {
  const found = []
  for (const { name, check, missing } of peers) {
    found.push(check === undefined ? { name, missing } : { name, perSecond: await perSecond(check) })
  }
  return found
}

process.on('message', async () => process.send(await measure()))
if (process.send === undefined) console.log(await measure())
