/**
 * Probes: what two sides send to find a path. Only who knows the session's secret can make or answer one.
 *
 * `[1: kind][16: HMAC-SHA256 over label, kind and sender's role, truncated]`. All probes of one kind and side are the
 * same bytes: a replay can cost an attacker's victim one answer of equal size, and nothing more. The first byte is none
 * of STUN's (0, 1) or WireGuard's (1–4), which share the port.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto'

export type Role = 'initiator' | 'responder'
/** `probe` asks for an `ack`; an `ack` says that a probe came through. */
export type ProbeKind = 'probe' | 'ack'

export interface Probes {
  readonly probe: Uint8Array
  readonly ack: Uint8Array
  /** What the other side sent, or undefined where it was not the other side. */
  read(bytes: Uint8Array): ProbeKind | undefined
}

const label = 'myst punch 1'
/** 128 bits: no guess, small probes, and no less than the half of the hash that RFC 2104 §5 advises. */
const macBytes = 16
const kindByte = { probe: 0xb1, ack: 0xb2 } as const satisfies Record<ProbeKind, number>

export function createProbes(secret: Uint8Array, role: Role): Probes {
  const make = (kind: ProbeKind, sender: Role): Buffer => {
    const mac = createHmac('sha256', secret).update(`${label} ${kind} ${sender}`).digest()
    return Buffer.concat([Uint8Array.of(kindByte[kind]), mac.subarray(0, macBytes)])
  }
  const other = role === 'initiator' ? 'responder' : 'initiator'
  const expected = { probe: make('probe', other), ack: make('ack', other) }
  const is = (kind: ProbeKind, bytes: Uint8Array) =>
    bytes.length === expected[kind].length && timingSafeEqual(bytes, expected[kind])
  return {
    probe: make('probe', role),
    ack: make('ack', role),
    read: (bytes) => (is('probe', bytes) ? 'probe' : is('ack', bytes) ? 'ack' : undefined),
  }
}
