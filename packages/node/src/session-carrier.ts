/**
 * What a session's tunnel may use of the link: one link carries one session, so the link's own protocols serve as they are.
 *
 * @module
 */

import type { Link } from '@myst/link'
import { proxyProtocol, tunnelProtocol } from '@myst/protocol'
import type { Carrier } from '@myst/vpn'

export function carrierOf(link: Link): Carrier {
  return {
    openStream: (header) => link.openStream(proxyProtocol, header),
    onStream: (handler) => link.onStream(proxyProtocol, handler),
    sendDatagram: (bytes) => link.sendDatagram(tunnelProtocol, bytes),
    onDatagram: (handler) => link.onDatagram(tunnelProtocol, handler),
    // It grows as the link learns its path.
    get maxDatagramBytes() {
      return link.maxDatagramBytes
    },
  }
}
