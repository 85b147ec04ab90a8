/**
 * Where a flow wants to go, as it travels between the two sides of the driver.
 *
 * @module
 */

import { count, field, message, oneOf, optional, text, type ValueOfSchema } from '@myst/protocol'

/** The header of each stream. A `udp` stream carries no data: it lives as long as the association `flow`. */
export const flowHeaderSchema = message({
  kind: field(0, oneOf(['tcp', 'udp'])),
  host: optional(1, text(255)),
  port: optional(2, count(65_535)),
  flow: optional(3, count(0xffff_ffff)),
})
export type FlowHeader = ValueOfSchema<typeof flowHeaderSchema>

export interface Destination {
  /** An address or a name; names are resolved at the exit. */
  readonly host: string
  readonly port: number
}

/** The provider's first byte on a `tcp` stream, in SOCKS5's own words (RFC 1928 §6). */
export const flowStatus = {
  connected: 0,
  failed: 1,
  notAllowed: 2,
  hostUnreachable: 4,
  refused: 5,
} as const
