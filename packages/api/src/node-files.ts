/**
 * Where a node listens, by its data directory: the server writes these files, and clients of the same user read them.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '@myst/protocol'
import { type ApiClient, createApiClient } from './client.ts'

export interface NodeFiles {
  /** The Unix socket, mode 0600. */
  readonly socketPath: string
  /** 64 hex digits, mode 0600. */
  readonly tokenPath: string
}

export const nodeFiles = (dataDir: string): NodeFiles => ({
  socketPath: join(dataDir, 'api.sock'),
  tokenPath: join(dataDir, 'api-token'),
})

/** @throws Fault `node-unreachable` where no node ever ran with this data directory, or it is another user's. */
export async function openNode(dataDir: string): Promise<ApiClient> {
  const { socketPath, tokenPath } = nodeFiles(dataDir)
  try {
    return createApiClient({ socketPath, token: (await readFile(tokenPath, 'utf8')).trim() })
  } catch (cause) {
    throw new Fault('node-unreachable', { dataDir, why: (cause as NodeJS.ErrnoException).code }, { cause })
  }
}
