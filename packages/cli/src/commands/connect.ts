/**
 * `myst connect`, `myst disconnect`.
 *
 * @module
 */

import type { ApiClient, ConnectionJson, InputOf, Routes } from '@myst/api'
import { readConnectionId, readEndpoint, readMyst, readServiceType, readTarget } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Paint } from '../shell.ts'
import { bytesText, mystText } from '../wording.ts'

interface ConnectOptions {
  readonly service: string
  readonly listen?: ReturnType<typeof readEndpoint>
  readonly budget?: string
}

const connect: Action<[ReturnType<typeof readTarget> | undefined, ConnectOptions]> = async (
  context,
  target,
  { service, listen, budget },
) => {
  const node = await context.node()
  const request: InputOf<Routes['connect']> = {
    serviceType: service,
    ...target,
    ...(listen === undefined ? {} : { listen }),
    ...(budget === undefined ? {} : { budget }),
  }
  const connection = await context.progress('Looking for a provider and connecting', node.connect(request))
  return { json: connection, text: connectedText(connection, context.paint) }
}

function connectedText({ id, provider, country, description, listening }: ConnectionJson, paint: Paint): string {
  return [
    `${paint('green', 'Connected')} to ${provider} in ${paint('bold', country)}: ${description ?? ''}`,
    ...(listening === undefined
      ? []
      : [`Try: curl --proxy socks5h://${listening.host}:${listening.port} https://example.org`]),
    `Watch it: myst status --watch. End it: myst disconnect ${id}`,
  ].join('\n')
}

const disconnect: Action<[string | undefined, object]> = async (context, id) => {
  const node = await context.node()
  const ids = id === undefined ? (await node.connections()).connections.map((connection) => connection.id) : [id]
  const ended = await context.progress('Paying what is due', endAll(node, ids))
  const lines = ended.map(
    ({ id, spent, sentBytes, receivedBytes }) =>
      `Disconnected ${id}: ${bytesText(sentBytes)} sent, ${bytesText(receivedBytes)} received, ${mystText(spent)} spent.`,
  )
  return { json: { connections: ended }, text: lines.length === 0 ? 'There was no connection.' : lines.join('\n') }
}

async function endAll(node: ApiClient, ids: readonly string[]): Promise<ConnectionJson[]> {
  const ended: ConnectionJson[] = []
  for (const id of ids) ended.push(await node.disconnect({ id }))
  return ended
}

export const registerConnect: Register = (program, bind) => {
  const command = program
    .command('connect')
    .summary('connect to a country or a provider')
    .description('Connects to the cheapest provider that fits, and returns when traffic can flow.')
    .argument('[country|provider]', 'two letters, or the identity of a provider', readTarget)
    .option('--service <type>', 'proxy or wireguard', readServiceType, 'proxy')
    .option('--listen <host:port>', 'where local programs find the proxy (default: a free port)', readEndpoint)
    .option('--budget <MYST>', 'the most this session may cost', readMyst)
    .action(bind(connect))
  withExample(command, 'myst connect NL --budget 0.5 --listen 127.0.0.1:1080')
  withExample(
    program
      .command('disconnect')
      .summary('pay what is due and end a connection, or all')
      .description('Pays what is due and ends a connection; all of them where none is named.')
      .argument('[id]', 'as shown by "myst status"', readConnectionId)
      .action(bind(disconnect)),
    'myst disconnect',
  )
}
