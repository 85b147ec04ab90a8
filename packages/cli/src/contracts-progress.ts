/**
 * What a deployment is waiting for, as it goes: one thing at a time, and a line for each that is done.
 *
 * @module
 */

import type { Context } from './context.ts'
import type { ContractsEvent } from './contracts-program.ts'
import { short } from './status-text.ts'

export interface Following {
  onEvent(event: ContractsEvent): void
  end(): void
}

export function followContracts({ shell, paint, progress }: Context): Following {
  let label = ''
  let end = (): void => {}
  function wait(next: string): void {
    if (next === label) return
    end()
    label = next
    void progress(next, new Promise<void>((resolve) => (end = resolve)))
  }
  return {
    onEvent(event) {
      if ('stage' in event) return wait(event.stage === 'decrypting' ? 'Decrypting the key' : 'Verifying the contracts')
      if (event.state === 'sent') return wait(`Waiting for the ${event.step}, transaction ${short(event.hash)}`)
      if (event.state === 'waiting-earlier') {
        return wait(`Waiting for an earlier transaction of this key, number ${event.nonce}`)
      }
      end()
      label = ''
      const how = event.hash === undefined ? 'is there' : `is there: ${event.hash}`
      // Once the spinner has wiped its line.
      setImmediate(() => shell.stderr.write(`${paint('green', '✓')} ${event.step} ${how}\n`))
    },
    end: () => end(),
  }
}
