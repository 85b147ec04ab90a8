/**
 * What every command gets: the node of the data directory, and ways to speak to the person who waits.
 *
 * @module
 */

import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type ApiClient, openNode } from '@myst/api'
import { createProgress, type Progress } from './progress.ts'
import { type Paint, painter, type Shell } from './shell.ts'

export interface Context {
  readonly shell: Shell
  readonly dataDir: string
  readonly json: boolean
  readonly paint: Paint
  readonly progress: Progress
  /** The running node. @throws Fault `node-unreachable`. */
  node(): Promise<ApiClient>
}

export interface GlobalOptions {
  readonly dataDir?: string
  readonly json?: boolean
}

export function createContext(shell: Shell, options: GlobalOptions): Context {
  const dataDir = resolve(options.dataDir ?? shell.env.MYST_DATA_DIR ?? join(homedir(), '.myst'))
  return {
    shell,
    dataDir,
    json: options.json === true,
    paint: painter(shell.stdout, shell.env),
    progress: createProgress(shell.stderr),
    node: () => openNode(dataDir),
  }
}
