/**
 * Server-sent events, as far as this API uses them: one JSON value an event.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @module
 */

/** One event; an `id` lets a reader see that it missed some. */
export const encodeEvent = (id: number, value: unknown): string => `id: ${id}\ndata: ${JSON.stringify(value)}\n\n`

/** Reads the values of a stream. @throws RangeError for an event longer than `maxEventLength` characters. */
export async function* decodeEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxEventLength: number,
): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    const events = rest.split('\n\n')
    rest = events.pop() as string
    if (rest.length > maxEventLength) throw new RangeError('event too long')
    for (const event of events) {
      const data = event
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length))
      if (data.length > 0) yield JSON.parse(data.join('\n'))
    }
  }
}
