/**
 * `myst version`.
 *
 * @module
 */

import manifest from '../../package.json' with { type: 'json' }
import { type Action, type Register, withExample } from '../command.ts'

const version: Action<[object]> = async () => ({
  json: { version: manifest.version, node: process.versions.node, platform: `${process.platform}-${process.arch}` },
  text: `myst ${manifest.version} (Node ${process.versions.node}, ${process.platform}-${process.arch})`,
})

export const registerVersion: Register = (program, bind) => {
  const command = program
    .command('version')
    .summary('which version this is')
    .description('Says which version this is.')
    .action(bind(version))
  withExample(command, 'myst version --json')
}
