/**
 * The body of an answer, as far as it is wanted: whoever answers may send without end, or never come to it.
 *
 * @module
 */

export interface BodyBounds {
  readonly maxBytes: number
  /** Absent: the request has its own time. */
  readonly withinMs?: number
}

/**
 * What is longer is read a little beyond `maxBytes`, so that whoever decodes it sees that; what comes later is missing.
 *
 * @throws what the connection breaks off with.
 */
export async function bodyOf({ body }: Response, { maxBytes, withinMs }: BodyBounds): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body?.getReader()
  const parts: Uint8Array[] = []
  let bytes = 0
  const late = withinMs && setTimeout(() => reader?.cancel().catch(() => {}), withinMs)
  try {
    while (reader !== undefined && bytes <= maxBytes) {
      const { value } = await reader.read()
      if (value === undefined) break
      bytes += value.length
      parts.push(value)
    }
    await reader?.cancel()
  } finally {
    clearTimeout(late)
  }
  return new Uint8Array(Buffer.concat(parts))
}
