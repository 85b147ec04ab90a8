/**
 * Says on stderr what is being waited for, once it takes longer than a second.
 *
 * @module
 */

import type { Output } from './shell.ts'

export type Progress = <T>(label: string, work: Promise<T>) => Promise<T>

/** Whatever is quicker needs no word. */
const patienceMs = 1000
/** Ten frames: once round in a second. */
const frameMs = 100
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const

export function createProgress(output: Output): Progress {
  return async (label, work) => {
    const startedMs = performance.now()
    let frame = 0
    const draw = (): void => {
      const seconds = Math.trunc((performance.now() - startedMs) / 1000)
      frame = (frame + 1) % frames.length
      output.write(`\r${frames[frame]} ${label} … ${seconds} s`)
    }
    let drawing: NodeJS.Timeout | undefined
    const waiting = setTimeout(() => {
      if (output.isTTY === true) drawing = setInterval(draw, frameMs)
      else output.write(`${label} …\n`)
    }, patienceMs)
    try {
      return await work
    } finally {
      clearTimeout(waiting)
      clearInterval(drawing)
      if (drawing !== undefined) output.write('\r\x1b[K')
    }
  }
}
