/**
 * Addresses for sessions: the one that was free for longest goes next, so that a new session does not meet the flows
 * of the one that had its address before.
 *
 * @module
 */

import { Fault } from '@myst/protocol'

export interface AddressPool {
  /** The provider's own address in the tunnel, the first of the range. */
  readonly gateway: string
  /** @throws Fault `offer-full`. */
  take(): string
  giveBack(address: string): void
}

/** The first is the network, the second the gateway, the last is broadcast. */
const firstPlace = 2
const places = 65_536 - 3

/** @param range a /16 inside 10.0.0.0/8. @throws Fault `address-range-invalid`. */
export function createAddressPool(range: string): AddressPool {
  const [, second] = /^10\.(\d{1,3})\.0\.0\/16$/.exec(range) ?? []
  if (second === undefined || Number(second) > 255) throw new Fault('address-range-invalid', { range })
  const taken = new Set<string>()
  let next = 0
  return {
    gateway: `10.${second}.0.1`,
    take() {
      if (taken.size === places) throw new Fault('offer-full', { sessions: places })
      for (;;) {
        const place = firstPlace + (next++ % places)
        const address = `10.${second}.${place >> 8}.${place & 255}`
        if (taken.has(address)) continue
        taken.add(address)
        return address
      }
    },
    giveBack: (address) => void taken.delete(address),
  }
}
