/**
 * What a path of the internet carries in one piece.
 *
 * @module
 */

/** Below what every IPv6 path carries: 1,280 less 40 (IPv6), 8 (UDP), 20 (UDX) and some for tunnels on the way. */
export const unknownPathDatagramBytes = 1200
