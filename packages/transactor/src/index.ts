/**
 * The transactor: sends transactions for people who own no gas, and takes its fee in MYST, in the same transaction.
 * It can refuse, and nothing else: what it carries is signed for the contracts, and the fee names its payee.
 *
 * @example const transactor = await startTransactor({ profile, key, mystPerNative, … })
 *
 * @module
 */

export * from './transactor.ts'
