// Bob's program: offers WireGuard, one session a call of `accept`. `node provider.ts <relay host> <STUN host>…`
import { createExitPolicy, type Offer, type ProviderTunnel, type TunnelPath } from '@myst/vpn'
import { createWireguardProvider, removeLeftovers } from '../src/index.ts'
import { joinRelay } from './carrier.ts'
import { createPuncher } from './punching.ts'
import { serve } from './rpc.ts'

const [relay = '', ...stun] = process.argv.slice(2)
const punch = createPuncher('responder', stun)
let offer: Offer | undefined
const sessions: ProviderTunnel[] = []
const at = (session: number): ProviderTunnel => sessions[session]!

const methods = {
  async offer(denied: string[]) {
    const policy = createExitPolicy({ profile: { publicRanges: ['198.18.0.0/15', '203.0.113.0/24'] }, denied })
    offer = await createWireguardProvider().offer({ policy })
  },
  async accept(parameters: Uint8Array) {
    const carrier = await joinRelay(relay)
    const tunnel = await offer!.accept({ sessionId: `${sessions.length}`, parameters, carrier })
    return { session: sessions.push(tunnel) - 1, parameters: tunnel.parameters }
  },
  punch: () => punch(),
  stats: (session: number) => at(session).stats(),
  pause: (session: number) => at(session).pause(),
  resume: (session: number) => at(session).resume(),
  usePath: (session: number, path: TunnelPath) => at(session).usePath!(path),
  closeSession: (session: number) => at(session).close(),
  close: () => offer!.close(),
  removeLeftovers: () => removeLeftovers(),
}
export type ProviderProgram = typeof methods
serve(methods)
