/**
 * `./dev up`: the whole network on this machine, traffic flowing and paid for, until Ctrl-C; with `--once`, the story to its end.
 * `--json` prints its outcome as one object, `--loopback` does without namespaces, `--keep` leaves data and logs behind.
 *
 * @module
 */

import '@myst/program'
import { parseArgs } from 'node:util'
import { loadNativeCrypto } from '@myst/crypto-native'
import { Fault } from '@myst/protocol'
import { formatStory } from './format.ts'
import { keepGoing } from './keep-going.ts'
import { watchMemory } from './memory.ts'
import { type Devnet, startDevnet } from './network.ts'
import { createScreen } from './screen.ts'
import { tellStory } from './story.ts'

const { values: flags } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    loopback: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})

const startedMs = performance.now()
const secondsSoFar = () => (performance.now() - startedMs) / 1000
/** People read stdout; with `--json` it carries one object and nothing else. */
const screen = createScreen(flags.json ? process.stderr : process.stdout)
const say = (line: string) => screen.say(`${secondsSoFar().toFixed(1).padStart(5)} s  ${line}`)

/** From its first namespace on: a signal may come before it runs. */
let starting: Promise<Devnet> | undefined
const stop = new AbortController()
let stopping = false
// The last is the end of a parent that holds an IPC channel.
for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(130)
    stopping = true
    stop.abort()
    say('Closing: sessions are paid and ended, processes and namespaces removed. Once more to leave at once.')
    void closeDevnet().then(() => process.exit(flags.once ? 130 : 0))
  })
}

/** One that is still starting is waited for; where the start fails it cleans up by itself. */
async function closeDevnet(): Promise<void> {
  const devnet = await starting?.catch(() => undefined)
  await devnet?.close()
}

/** The signal's own handler ends the process. */
const untilEnded = () => new Promise<never>(() => {})

try {
  const crypto = await loadNativeCrypto()
  if (stopping) await untilEnded()
  starting = startDevnet(crypto, { places: flags.loopback ? 'loopback' : 'best', keep: flags.keep, say })
  const running = await starting
  if (stopping) await untilEnded()
  const memory = watchMemory(() => running.processes.pids)
  if (flags.once) {
    const told = await tellStory(crypto, running, say)
    memory.close()
    const unmeasured = process.platform === 'linux' && memory.peakMiB === 0
    const failures = [...told.failures, ...(unmeasured ? ['the memory of all processes is measured'] : [])]
    const story = { ...told, failures }
    const seconds = Math.round(secondsSoFar() * 10) / 10
    await running.close()
    const { json, text } = formatStory(story, { seconds, peakMiB: memory.peakMiB })
    process.stdout.write(flags.json ? `${JSON.stringify(json)}\n` : `\n${text}\n`)
    process.exit(story.failures.length === 0 ? 0 : 1)
  }
  await keepGoing(crypto, running, { say, show: screen.show, signal: stop.signal })
} catch (cause) {
  if (stopping) await untilEnded()
  await closeDevnet()
  process.stderr.write(`${cause instanceof Fault ? cause.message : (cause as Error).stack}\n`)
  process.exit(1)
}
