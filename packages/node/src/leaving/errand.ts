/**
 * An errand: one sum of money on its way home, as a person sees it.
 *
 * @module
 */

import type { Address, Bytes32, Fault } from '@myst/protocol'

export interface Errand {
  readonly kind: 'earnings' | 'channel' | 'stake' | 'wallet'
  /** Absent for what lies in the identity's own wallet. */
  readonly accountant?: Address
  /**
   * `waiting`: for a delay of the contracts, until `dueAtMs`, or for a block. `stuck`: it is tried again, and `problem` says what to
   * do. `left`: worth less than it costs to bring.
   */
  readonly state: 'done' | 'working' | 'waiting' | 'stuck' | 'left'
  /** Still to come; of what is done, nothing. */
  readonly amount: bigint
  readonly dueAtMs?: number
  /** Of the transaction that was sent last. */
  readonly hash?: Bytes32
  readonly problem?: Fault
}

export const isOver = ({ state }: Errand): boolean => state === 'done' || state === 'left'

/** A fee that takes it all, or more than half of it, is not worth paying. */
export const isDear = ({ code }: Fault): boolean => code === 'fee-above-earnings' || code === 'fee-too-high'
