/**
 * The devnet: a whole network on one machine, for newcomers, stories and tests. Nothing in it is a toy: the chain, the
 * contracts, the accountant, the links and the tunnels are the real ones; only the money is not.
 *
 * @example
 * const devnet = await startDevnet(crypto, { places: 'best', say: console.log })
 * const story = await tellStory(crypto, devnet, console.log)
 * await devnet.close()
 *
 * @module
 */

export { type Books, readBooks, type TopUps } from './books.ts'
export { anvilPath, type ChainProcess, devnetChainId, startChain } from './chain-process.ts'
export { type DevnetContracts, deployDevnet, registrationFee, richKeys } from './contracts.ts'
export { type Devnet, type Person, startDevnet } from './network.ts'
export { type HomeName, homeNames, makePlaces, type Place, type Places } from './place.ts'
export { createProcesses, endProcess, type Processes } from './processes.ts'
export { alicesDriver, browse, download, openForBusiness, tellStory, until } from './story.ts'
