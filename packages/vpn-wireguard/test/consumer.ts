// Alice's program: one tunnel. `node consumer.ts <relay host> <STUN host>…`
import type { ConsumerTunnel, PreparedTunnel, TunnelPath } from '@myst/vpn'
import { createWireguardConsumer } from '../src/index.ts'
import { joinRelay } from './carrier.ts'
import { createPuncher } from './punching.ts'
import { serve } from './rpc.ts'

const [relay = '', ...stun] = process.argv.slice(2)
const punch = createPuncher('initiator', stun)
let prepared: PreparedTunnel | undefined
let tunnel: ConsumerTunnel | undefined
let carried: (() => number) | undefined

const methods = {
  async prepare(keepOutside: string[]) {
    prepared = await createWireguardConsumer().prepare({ keepOutside })
    return prepared.parameters
  },
  async open(parameters: Uint8Array) {
    const carrier = await joinRelay(relay)
    carried = carrier.sent
    tunnel = await prepared!.open(parameters, carrier)
    return tunnel.description
  },
  punch: () => punch(),
  stats: () => tunnel!.stats(),
  /** Datagrams that went to the carrier so far. */
  carried: () => carried!(),
  usePath: (path: TunnelPath) => tunnel!.usePath!(path),
  description: () => tunnel!.description,
  close: () => tunnel!.close(),
  /** Ends what was prepared and not opened. */
  discard: () => prepared!.close(),
}
export type ConsumerProgram = typeof methods
serve(methods)
