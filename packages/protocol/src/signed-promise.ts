/**
 * A signed promise as messages and disks carry it.
 *
 * @module
 */

import { address, bytes32, field, message, type Schema, signature, uint } from './message.ts'
import { noTicks, type SignedPromise } from './payment-promise.ts'

const flat = message({
  consumer: field(0, address),
  amount: field(1, uint(256)),
  hashlock: field(2, bytes32),
  agreementId: field(3, bytes32),
  provider: field(4, address),
  total: field(5, uint(256)),
  signature: field(6, signature),
})

export const signedPromiseSchema: Schema<SignedPromise> = {
  write: ({ consumer, promise: { amount, hashlock, agreement }, signature }) =>
    flat.write({
      consumer,
      amount,
      hashlock,
      agreementId: agreement.id,
      provider: agreement.provider,
      total: agreement.total,
      signature,
    }),
  read(from) {
    const { consumer, amount, hashlock, agreementId: id, provider, total, signature } = flat.read(from)
    return { consumer, promise: { amount, hashlock, agreement: { id, provider, total }, ticks: noTicks }, signature }
  },
}
