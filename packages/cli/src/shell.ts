/**
 * What a command sees of the world around it: streams, environment, and whether a person is there.
 *
 * @module
 */

import { styleText } from 'node:util'

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Shell {
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
}

type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

/** Colours on a terminal alone, and not where `NO_COLOR` is set. */
export function painter(output: Output, env: Shell['env']): Paint {
  const plain = output.isTTY !== true || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  return plain ? (_style, text) => text : (style, text) => styleText(style, text, { validateStream: false })
}
