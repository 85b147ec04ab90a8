/**
 * Plants a fault in a program: `node --import file:///…/plant.fixture.ts?<fault> main.ts`. A line of it is read as another one.
 *
 * @module
 */

import { registerHooks } from 'node:module'

const faults = {
  'answers-before-it-commits': {
    file: '/ledger/ledger.ts',
    find: 'await store.append(next)',
    put: 'setTimeout(() => store.append(next), 3_600_000).unref()',
  },
  'recovers-nothing': {
    file: '/signatures/batch-signers.ts',
    find: 'recoverUnderSeparator(crypto, separatorOf(consumer), promise, signature) === consumer',
    put: 'separatorOf(consumer).length === 32 && promise.amount > 0n && signature.length > 0',
  },
} as const
export type Fault = keyof typeof faults

export const planting = (fault: Fault): readonly string[] => ['--import', `${import.meta.url.split('?')[0]}?${fault}`]

const [, name] = import.meta.url.split('?')
if (name !== undefined && name in faults) {
  const { file, find, put } = faults[name as Fault]
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      if (!url.endsWith(file)) return loaded
      const source = String(loaded.source)
      if (source.split(find).length !== 2) throw new Error(`${file} has no such line any more: ${find}`)
      return { ...loaded, source: source.replace(find, put) }
    },
  })
}
