/**
 * One `wireguard-go` in the foreground: it makes an interface, and takes it along when it ends.
 *
 * It is killed with its owner, by the kernel (`setpriv --pdeathsig`), so that no tunnel outlives the process that
 * meters it.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import { inspect, uapiPath } from './uapi.ts'

export interface WireguardProcess {
  readonly name: string
  /** Resolves when it ended, wanted or not. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/** It takes 10–20 ms; on a machine that starves, more. */
const startTimeoutMs = 5_000
/** A small part of a usual start, which the person waits for. */
const retryMs = 2
/** wireguard-go ends within milliseconds of SIGTERM; after this it is killed. */
const stopTimeoutMs = 1_000

/** @throws Fault `driver-unavailable` with what is missing. */
export async function startWireguard(name: string): Promise<WireguardProcess> {
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'wireguard-go', '-f', name], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, LOG_LEVEL: 'error' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000)
  })
  const spawned = once(child, 'spawn')
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => resolve())
    child.on('error', () => resolve())
  })
  const close = async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await ended
    clearTimeout(late)
    await rm(uapiPath(name), { force: true }) // stays where it was killed
  }

  await spawned.catch((cause) => {
    throw new Fault('driver-unavailable', { missing: 'setpriv' }, { cause })
  })
  let over = false
  ended.then(() => {
    over = true
  })
  const deadlineMs = performance.now() + startTimeoutMs
  for (;;) {
    const cause = await inspect(name).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (cause === undefined) return { name, ended, close }
    if (over || performance.now() > deadlineMs) {
      await close()
      const why = said.trim().split('\n').at(-1)
      throw new Fault('driver-unavailable', { missing: 'wireguard-go', why }, { cause })
    }
    await wait(retryMs)
  }
}
