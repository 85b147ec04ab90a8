/**
 * The Crypto port at native speed, 12,000 to 16,000 recoveries a second and core; it accepts and makes exactly what the
 * reference adapter does.
 *
 * @example const crypto = await loadNativeCrypto()
 *
 * @module
 */

export * from './native-crypto.ts'
