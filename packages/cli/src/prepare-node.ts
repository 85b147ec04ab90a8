/**
 * A data directory's configuration: written at first start, kept from then on.
 *
 * @module
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Fault } from '@myst/api'

export interface FirstStart {
  readonly network?: string
  readonly passphraseFile?: string
}

/**
 * @returns the path of the configuration.
 * @throws Fault `network-missing`, `network-other`, `config-kept`, `config-unreadable`.
 */
export async function prepareNode(dataDir: string, { network, passphraseFile }: FirstStart): Promise<string> {
  const configPath = join(dataDir, 'node.json')
  const profilePath = join(dataDir, 'network.json')
  const wanted = network === undefined ? undefined : await readText(network)
  const known = await readFile(configPath, 'utf8').catch(() => undefined)
  if (known !== undefined) {
    if (passphraseFile !== undefined) throw new Fault('config-kept', { configPath, setting: 'passphraseFile' })
    // Keys, channels and promises of a data directory belong to one network.
    const joined = await readFile(profilePath, 'utf8').catch(() => undefined)
    if (wanted !== undefined && wanted !== joined) throw new Fault('network-other', { dataDir, network })
    return configPath
  }
  if (wanted === undefined) throw new Fault('network-missing', { dataDir })
  const config = {
    profile: 'network.json',
    dataDir: '.',
    drivers: ['proxy', 'wireguard'],
    ...(passphraseFile === undefined ? {} : { passphraseFile: resolve(passphraseFile) }),
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await writeFile(profilePath, wanted, { mode: 0o600 })
  await writeFile(configPath, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 })
  return configPath
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new Fault('config-unreadable', { path, why: (cause as NodeJS.ErrnoException).code }, { cause })
  }
}
