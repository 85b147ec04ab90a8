/**
 * Node Core: one portable library that buys and sells connectivity. The API, the command line and other people's programs
 * sit on it.
 *
 * @example
 * const node = await createNode({ profile, privateKey, dataDir, crypto, log: console.error, … })
 * const { channel } = node.topUp()
 * const connection = await node.connect({ serviceType: 'proxy', country: 'NL' })
 *
 * @module
 */

export * from './identity.ts'
export { changeBeneficiary, readBeneficiary } from './leaving/beneficiary.ts'
export { createChannelExit } from './leaving/channel-exit.ts'
export { createLeaving, type LeavingDeps } from './leaving/leave.ts'
export * from './node.ts'
export * from './node-core.ts'
export { createOwnWallet } from './own-wallet.ts'
export { type SettlementConfig, settlementOptions } from './settlement/config.ts'
export { createPayouts } from './settlement/payouts.ts'
export * from './settlement/settler.ts'
