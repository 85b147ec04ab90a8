/**
 * A mark beside a ledger's file: the number of the newest entry that was made durable.
 *
 * SQLite takes a write-ahead log to end where its sums end: rightly after a power cut, wrongly after damage. And a file put
 * back from a backup looks as sound as it was then. The mark, written after each commit, shows both: a file that knows less
 * than its mark has lost what was acknowledged. It is not synced (it says nothing that isn't durable yet): after a power cut
 * it may be some seconds behind, and then shows less, never something wrong.
 *
 * @module
 */

import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'

export interface NewestMark {
  /** 0 where there is none, or none that can be read. */
  readonly newest: number
  write(sequence: number): void
  close(): void
}

/** The number, and its complement: 16 bytes in one sector. */
const markBytes = 16

export function openMark(path: string): NewestMark {
  const handle = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  const bytes = new DataView(new ArrayBuffer(markBytes))
  const read = readSync(handle, bytes, 0, markBytes, 0)
  const sequence = bytes.getBigUint64(0)
  const whole = read === markBytes && bytes.getBigUint64(8) === BigInt.asUintN(64, ~sequence)
  return {
    newest: whole ? Number(sequence) : 0,
    write(sequence) {
      bytes.setBigUint64(0, BigInt(sequence))
      bytes.setBigUint64(8, BigInt.asUintN(64, ~BigInt(sequence)))
      try {
        writeSync(handle, bytes, 0, markBytes, 0)
      } catch {
        // What it marks is durable all the same; the mark stays behind.
      }
    },
    close: () => closeSync(handle),
  }
}
