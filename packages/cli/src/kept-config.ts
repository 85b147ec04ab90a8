/**
 * A service's configuration: written from the options at first start, kept from then on.
 *
 * @module
 */

import { access, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '@myst/api'
import { InvalidArgumentError } from 'commander'

/** What was given on the command line; absent: not given. */
export type StartOptions = Readonly<Record<string, string | number | undefined>>

/**
 * @param needed the options without which there is no first start.
 * @param config what is written at first start, from options that are all there.
 * @returns the path.
 * @throws Fault `config-kept` where there is a configuration and options would change it.
 */
export async function keepConfig<S extends StartOptions>(
  configPath: string,
  start: S,
  needed: Readonly<Partial<Record<keyof S, string>>>,
  config: () => object,
): Promise<string> {
  const [setting] = Object.entries(start).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (await exists(configPath)) {
    if (setting !== undefined) throw new Fault('config-kept', { configPath, setting })
    return configPath
  }
  const missing = Object.keys(needed).filter((name) => start[name] === undefined)
  if (missing.length > 0) {
    const flags = Object.values<string | undefined>(needed)
    throw new InvalidArgumentError(
      `At first start, name ${new Intl.ListFormat('en-GB').format(flags.filter((flag) => flag !== undefined))}; or a file of your own with --config.`,
    )
  }
  await mkdir(dirname(configPath), { recursive: true, mode: 0o700 })
  await writeFile(configPath, `${JSON.stringify(config(), undefined, 2)}\n`, { mode: 0o600 })
  return configPath
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
