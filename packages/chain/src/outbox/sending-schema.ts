/**
 * A sending as bytes, for the journal of whoever has an outbox: nonce, signed bytes and the hashes of all attempts.
 *
 * @module
 */

import {
  address,
  bytes,
  bytes32,
  count,
  field,
  flag,
  fromHex,
  type Hex,
  list,
  maxMessageBytes,
  message,
  type Schema,
  toHex,
  uint,
} from '@myst/protocol'
import type { Sending } from './sending.ts'

/** From one unit to the largest offer there can be, an eighth more each time, is fewer. */
const maxAttempts = 1024

const inBytes = bytes(maxMessageBytes)
const hex: Schema<Hex> = {
  write: (value) => inBytes.write(fromHex(value)),
  read: (from) => toHex(inBytes.read(from)),
}

/** Without its id, which is its key. */
export const sendingSchema: Schema<Omit<Sending, 'id'>> = message({
  nonce: field(0, count(Number.MAX_SAFE_INTEGER)),
  to: field(1, address),
  data: field(2, hex),
  gas: field(3, uint(64)),
  maxFeePerGas: field(4, uint(256)),
  attempts: field(
    5,
    list(
      message({
        hash: field(0, bytes32),
        maxFeePerGas: field(1, uint(256)),
        maxPriorityFeePerGas: field(2, uint(256)),
        isVoid: field(3, flag),
      }),
      maxAttempts,
    ),
  ),
  raw: field(6, hex),
})
