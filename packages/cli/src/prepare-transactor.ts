/**
 * A transactor's configuration: written from the options at first start, kept from then on.
 *
 * @module
 */

import { access, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Fault } from '@myst/api'
import { InvalidArgumentError } from 'commander'

export interface TransactorStart {
  readonly network?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  /** Base units for one unit of the chain's coin. */
  readonly mystPerNative?: string
  readonly host?: string
  readonly port?: number
}

/**
 * @returns the path of the configuration.
 * @throws Fault `config-kept`.
 */
export async function prepareTransactor(dataDir: string, start: TransactorStart): Promise<string> {
  const configPath = join(dataDir, 'transactor.json')
  const [setting] = Object.entries(start).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (await exists(configPath)) {
    if (setting !== undefined) throw new Fault('config-kept', { configPath, setting })
    return configPath
  }
  const { network, keystore, passphraseFile, mystPerNative, host, port } = start
  if (network === undefined || keystore === undefined || passphraseFile === undefined || mystPerNative === undefined) {
    throw new InvalidArgumentError(
      'At first start, name --network, --keystore, --passphrase-file and --myst-per-native; or a file of your own with --config.',
    )
  }
  const config = {
    profile: resolve(network),
    keyFile: resolve(keystore),
    passphraseFile: resolve(passphraseFile),
    mystPerNative,
    dataDir,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await writeFile(configPath, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 })
  return configPath
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
