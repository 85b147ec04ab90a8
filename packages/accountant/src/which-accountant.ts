/**
 * Which of a network's accountants a configuration is for.
 *
 * @module
 */

import type { Config } from '@myst/program'
import { type Address, Fault, isAddress, type NetworkProfile } from '@myst/protocol'

/** @throws Fault `config-invalid` where the profile names several and the configuration none. */
export function accountantOf(config: Config, profile: NetworkProfile): Address {
  const [only, another] = profile.accountants
  const accountant = config.optionalText('accountant') ?? (another === undefined ? only?.address : undefined)
  if (!isAddress(accountant)) throw new Fault('config-invalid', { name: 'accountant', wanted: 'a lower-case address' })
  return accountant
}
