/**
 * What an accountant and its signer say to each other over a Unix socket: a line of JSON each way.
 *
 * ```
 * → {"id":1}                                   ← {"id":1,"address":"0x<20 bytes>"}
 * → {"id":2,"hashes":["0x<32 bytes>", …]}      ← {"id":2,"signatures":["0x<65 bytes>", …]}
 *                                              ← {"id":2,"error":"<code>"}
 * ```
 *
 * Signatures are r ‖ s ‖ v with s ≤ n/2 and v ∈ {27, 28}, in the order of the hashes. Answers may come in any order.
 *
 * @module
 */

import type { Socket } from 'node:net'
import { fromHex, isAddress, toHex } from '@myst/protocol'

/** The largest group of the ledger signs in some rounds; one takes 30 ms. */
export const maxHashes = 1024
/** A signature is 132 characters with its prefix, its quotes and its comma four more. */
export const maxLineBytes = 256 * maxHashes

export interface Question {
  readonly id: number
  /** Absent: whose key it is. */
  readonly hashes?: readonly Uint8Array[]
}

export type SignerAnswer =
  | { readonly id: number; readonly address: string }
  | { readonly id: number; readonly signatures: readonly Uint8Array[] }
  | { readonly id: number; readonly error: string }

export const writeQuestion = ({ id, hashes }: Question): string =>
  `${JSON.stringify({ id, ...(hashes === undefined ? {} : { hashes: hashes.map(toHex) }) })}\n`

export const writeAnswer = (answer: SignerAnswer): string =>
  `${JSON.stringify('signatures' in answer ? { ...answer, signatures: answer.signatures.map(toHex) } : answer)}\n`

/** @returns undefined for what is no question; its id alone where that can be read. */
export function readQuestion(line: string): Question | { readonly malformed: number } | undefined {
  const json = objectIn(line)
  if (!isId(json?.id)) return undefined
  const { id, hashes } = json
  if (hashes === undefined) return { id }
  const isGood = Array.isArray(hashes) && hashes.length <= maxHashes && hashes.every(isHexOf(32))
  return isGood ? { id, hashes: hashes.map(fromHex) } : { malformed: id }
}

export function readAnswer(line: string): SignerAnswer | undefined {
  const json = objectIn(line)
  if (!isId(json?.id)) return undefined
  const { id, address, signatures, error } = json
  if (typeof error === 'string') return { id, error: error.slice(0, 64) }
  if (isAddress(address)) return { id, address }
  const isGood = Array.isArray(signatures) && signatures.length <= maxHashes && signatures.every(isHexOf(65))
  return isGood ? { id, signatures: signatures.map(fromHex) } : undefined
}

/** Lines of a socket, each once. A longer one than any that is ever sent ends the connection. */
export function onLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineBytes || lines.some(({ length }) => length > maxLineBytes)) return void socket.destroy()
    for (const line of lines) onLine(line)
  })
}

function objectIn(line: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(line)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value)

const isHexOf =
  (bytes: number) =>
  (value: unknown): value is `0x${string}` =>
    typeof value === 'string' && value.length === 2 + 2 * bytes && /^0x[0-9a-f]*$/.test(value)
