/**
 * Where the ledger is: a file of this process alone, or a PostgreSQL before which several wait for their turn.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import { Fault } from '@myst/protocol'
import { type LedgerStore, openPostgresLedgerStore, openSqliteLedgerThread } from '@myst/store'

export interface LedgerPlace {
  readonly dataDir: string
  /** `postgres://…`; absent: `ledger.db` in `dataDir`. */
  readonly ledger?: string | undefined
  readonly host: string
  readonly port: number
  readonly log: (line: string) => void
  /** Another process may sign now, and this one must end. */
  onLost(fault: Fault): void
}

/** Resolves when this process may sign; till then all that is asked on its port is answered with 503. */
export async function openLedgerStore({ dataDir, ledger, host, port, log, onLost }: LedgerPlace): Promise<LedgerStore> {
  if (ledger === undefined) return openSqliteLedgerThread(`${dataDir}/ledger.db`)
  let server: Server | undefined
  function onWait(fault?: Fault): void {
    log(fault === undefined ? 'ledger-standby: another process signs; waiting' : `ledger-standby: ${fault.message}`)
    server ??= answerNotYet(host, port, onLost)
  }
  try {
    return await openPostgresLedgerStore(ledger, { standby: { onWait }, onLost })
  } finally {
    await endServer(server)
  }
}

/** What a proxy takes as "ask another one". */
function answerNotYet(host: string, port: number, onFault: (fault: Fault) => void): Server {
  const server = createServer((_, response) => {
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1', connection: 'close' })
    response.end('{"running":false}')
  })
  server.on('error', (cause) => onFault(new Fault('port-taken', { host, port }, { cause })))
  return server.listen(port, host)
}

async function endServer(server: Server | undefined): Promise<void> {
  if (server === undefined) return
  const closing = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closing
}
