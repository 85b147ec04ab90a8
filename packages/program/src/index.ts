/**
 * What all programs have in common: their frame, their configuration, their files. What a program does is its own.
 *
 * @example
 * await runProgram(async (config, log) => {
 *   const accountant = await startAccountant({ … })
 *   return { ready: { url: accountant.url }, close: accountant.close }
 * })
 *
 * @module
 */

import './node-version.ts'

export * from './buckets.ts'
export * from './fair-queue.ts'
export * from './files.ts'
export * as openApiParts from './openapi.ts'
export * from './run-program.ts'
