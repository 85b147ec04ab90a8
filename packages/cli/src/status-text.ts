/**
 * A node's status as people read it.
 *
 * @module
 */

import {
  type AlarmJson,
  type ConnectionJson,
  reasonWords,
  type ServiceJson,
  type SessionJson,
  type StatusJson,
} from '@myst/api'
import type { Paint } from './shell.ts'
import { renderFields, renderTable } from './table.ts'
import { bytesText, durationText, mystText } from './wording.ts'

export function statusText(status: StatusJson, paint: Paint, nowMs: number): string {
  const { identity, networkId, registered, consumer, alarms, connections, services, reflexive } = status
  const sessions = services.flatMap((service) => service.sessions)
  const blocks = [
    renderFields(paint, [
      ['identity', `${paint('bold', identity)} ${registered ? '' : paint('yellow', '(not registered)')}`],
      ['network', `${networkId}${reflexive === undefined ? '' : `, seen as ${reflexive.host}:${reflexive.port}`}`],
      ['channel', status.channel],
      [
        'left',
        `${paint('bold', mystText(consumer.left))}, promised ${mystText(consumer.spent)}, of it ${mystText(consumer.inFlight)} not collected yet`,
      ],
      ...earnings(status),
    ]),
    ...(alarms.length === 0 ? [] : [alarms.map((alarm) => alarmText(alarm, paint)).join('\n')]),
    ...(connections.length === 0 ? [] : [connectionsTable(connections, paint, nowMs)]),
    ...warningLines(connections, paint),
    ...(services.length === 0 ? [] : [servicesTable(services, paint)]),
    ...(sessions.length === 0 ? [] : [sessionsTable(sessions, paint)]),
  ]
  if (connections.length + services.length === 0) blocks.push(paint('dim', nextStep(status)))
  return blocks.join('\n\n')
}

function earnings({ provider }: StatusJson): readonly (readonly [string, string])[] {
  const { bounties, settled, unsettled, settling, guaranteed, inFlight, promises } = provider
  if (promises === 0 && unsettled === '0' && settled === '0') return []
  const earned = String(BigInt(settled) + BigInt(unsettled))
  const underway = settling === '0' ? '' : `, ${mystText(settling)} being settled`
  return [
    ['earned', `${mystText(earned)}, of it ${mystText(unsettled)} to settle${underway}`],
    ['guaranteed', mystText(guaranteed)],
    ...(inFlight === '0' ? [] : [['uncredited', mystText(inFlight)] as const]),
    ...(bounties === '0' ? [] : [['of it bounties', mystText(bounties)] as const]),
  ]
}

export const alarmText = ({ what, todo }: AlarmJson, paint: Paint): string =>
  `${paint('yellow', what)}${todo === '' ? '' : ` ${todo}`}`

function connectionsTable(connections: readonly ConnectionJson[], paint: Paint, nowMs: number): string {
  const rows = connections.map((connection) => {
    const { id, state, country, serviceType, connectedAtMs, description, reason } = connection
    return [
      id,
      `${paint(state === 'connected' ? 'green' : 'yellow', state)}${reason === undefined ? '' : ` (${reason})`}`,
      `${country} ${short(connection.provider)}`,
      serviceType,
      connectedAtMs === undefined ? '' : durationText(nowMs - connectedAtMs),
      bytesText(connection.sentBytes),
      bytesText(connection.receivedBytes),
      mystText(connection.spent),
      `${description ?? ''}${connection.path === 'direct' ? ', direct' : ''}`,
    ]
  })
  return renderTable(paint, ['connection', 'state', 'exit', 'service', 'for', 'sent', 'received', 'spent', ''], rows)
}

function warningLines(connections: readonly ConnectionJson[], paint: Paint): readonly string[] {
  const lines = connections.flatMap(({ id, reason, warning }) => [
    ...(reason === undefined || reasonWords(reason) === reason ? [] : [`${id}: ${reasonWords(reason)}`]),
    ...(warning === undefined ? [] : [`${id}: ${paint('yellow', moneyEnds(warning))}`]),
  ])
  return lines.length === 0 ? [] : [lines.join('\n')]
}

function moneyEnds({ limit, endsInMs }: NonNullable<ConnectionJson['warning']>): string {
  const soon = durationText(endsInMs)
  if (limit === 'budget') return `at this pace its budget is spent in ${soon}`
  if (limit === 'day') return `at this pace the day's spending limit is reached in ${soon}`
  return `at this pace the money on the channel is spent in ${soon}: myst topup`
}

function servicesTable(services: readonly ServiceJson[], paint: Paint): string {
  const rows = services.map(({ serviceType, country, price, sessions }) => [
    paint('bold', serviceType),
    country,
    mystText(price.perGib),
    mystText(price.perHour),
    String(sessions.length),
  ])
  return renderTable(paint, ['service', 'exit', 'a GiB', 'an hour', 'sessions'], rows)
}

function sessionsTable(sessions: readonly SessionJson[], paint: Paint): string {
  const rows = sessions.map(({ id, consumer, phase, sentBytes, receivedBytes, paid, invoiced }) => [
    id.slice(0, 8),
    paint(phase === 'serving' ? 'green' : 'yellow', phase),
    short(consumer),
    bytesText(sentBytes),
    bytesText(receivedBytes),
    mystText(paid),
    mystText(invoiced),
  ])
  return renderTable(paint, ['session', 'state', 'consumer', 'sent', 'received', 'paid', 'invoiced'], rows)
}

function nextStep({ registered, consumer }: StatusJson): string {
  if (registered) return consumer.left === '0' ? 'Next: myst topup' : 'Next: myst connect, or myst serve --country NL'
  return consumer.balance === '0' ? 'Next: myst topup' : 'Next: myst register'
}

/** Enough to tell identities apart by eye; whole ones are in `--json`. */
export const short = (identity: string): string => `${identity.slice(0, 8)}…${identity.slice(-4)}`
