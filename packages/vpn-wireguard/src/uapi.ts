/**
 * wireguard's configuration protocol: one request per connection over a unix socket, `key=value` lines, an empty line.
 *
 * Source: "Cross-platform userspace interface", wireguard.com/xplatform. Keys are lower-case hex.
 *
 * @module
 */

import { connect } from 'node:net'
import { Fault } from '@myst/protocol'

export const uapiFolder = '/var/run/wireguard'
export const uapiPath = (name: string): string => `${uapiFolder}/${name}.sock`

/** An answer is immediate; wireguard-go blocks it only while it rebinds a port. */
const uapiTimeoutMs = 2_000
/** `get=1` says about 400 bytes a peer: 40,000 peers. */
const maxAnswerBytes = 16 << 20

/** Sets what the lines say, as one operation. @throws Fault `wireguard-refused` with its errno, `wireguard-unreachable`. */
export async function configure(name: string, lines: readonly string[]): Promise<void> {
  await ask(name, `set=1\n${lines.join('\n')}`)
}

export interface WireguardState {
  readonly listenPort: number
  /** By public key. */
  readonly peers: ReadonlyMap<string, PeerState>
}

export interface PeerState {
  /** `host:port` that packets to the peer go to; undefined before it was set or heard. */
  readonly endpoint: string | undefined
  /** Since this peer and we agreed on keys at least once. */
  readonly handshakeDone: boolean
  /** Of authenticated packets, at the outer side. */
  readonly receivedBytes: bigint
}

export async function inspect(name: string): Promise<WireguardState> {
  const text = await ask(name, 'get=1')
  // Each peer's lines begin with its key.
  const [device = '', ...sections] = text.split(/^public_key=/m)
  const valueIn = (section: string, key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(section)?.[1]
  return {
    listenPort: Number(valueIn(device, 'listen_port') ?? 0),
    peers: new Map(
      sections.map((section) => [
        section.slice(0, 64),
        {
          endpoint: valueIn(section, 'endpoint'),
          handshakeDone: (valueIn(section, 'last_handshake_time_sec') ?? '0') !== '0',
          receivedBytes: BigInt(valueIn(section, 'rx_bytes') ?? 0),
        },
      ]),
    ),
  }
}

function ask(name: string, request: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(uapiPath(name))
  const fail = (cause: Error) => reject(new Fault('wireguard-unreachable', { name, why: cause.message }, { cause }))
  let text = ''
  socket.setEncoding('utf8').setTimeout(uapiTimeoutMs, () => socket.destroy(new Error('timeout')))
  socket.on('data', (part: string) => {
    text += part
    // The empty line ends the answer; wireguard keeps the connection open for more.
    if (text.endsWith('\n\n')) socket.end()
    else if (text.length > maxAnswerBytes) socket.destroy(new Error('answer too long'))
  })
  socket.on('error', fail)
  socket.on('close', () => {
    const errno = /^errno=(-?\d+)$/m.exec(text)?.[1]
    if (errno === '0') resolve(text.trim())
    else if (errno === undefined) fail(new Error('no answer'))
    else reject(new Fault('wireguard-refused', { name, errno }))
  })
  socket.write(`${request}\n\n`)
  return promise
}
