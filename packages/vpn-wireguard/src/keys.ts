/**
 * Curve25519 keys as WireGuard wants them: 32 raw bytes, written as lower-case hex.
 *
 * @module
 */

import { generateKeyPairSync } from 'node:crypto'

export interface KeyPair {
  /** 64 hex digits. */
  readonly privateKey: string
  readonly publicKey: string
}

export function createKeyPair(): KeyPair {
  const { d, x } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  return { privateKey: hexOf(d), publicKey: hexOf(x) }
}

const hexOf = (base64url = ''): string => Buffer.from(base64url, 'base64url').toString('hex')
