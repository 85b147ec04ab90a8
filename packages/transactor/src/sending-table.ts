/**
 * Sendings on disk: nonce, signed bytes and the hashes of all attempts, before any of them is broadcast.
 *
 * @module
 */

import type { Sending } from '@myst/chain'
import {
  address,
  bytes,
  bytes32,
  count,
  field,
  flag,
  fromHex,
  list,
  maxMessageBytes,
  message,
  toHex,
  uint,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

/** From one unit to the largest offer there can be, an eighth more each time, is fewer. */
const maxAttempts = 1024

const sendingTable = table(
  'sendings',
  message({
    nonce: field(0, count(Number.MAX_SAFE_INTEGER)),
    to: field(1, address),
    data: field(2, bytes(maxMessageBytes)),
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
    raw: field(6, bytes(maxMessageBytes)),
  }),
)

export const loadSendings = (store: RecordStore): Sending[] =>
  [...sendingTable.load(store)].map(([id, { data, raw, ...rest }]) => ({
    id,
    ...rest,
    data: toHex(data),
    raw: toHex(raw),
  }))

export const putSending = ({ id, data, raw, ...rest }: Sending): RecordWrite =>
  sendingTable.put(id, { ...rest, data: fromHex(data), raw: fromHex(raw) })

export const removeSending = (id: string): RecordWrite => sendingTable.remove(id)
