/**
 * An HTTP API that is paid by the request, and a customer of it.
 *
 *     ./dev run node examples/metered-api.ts sell profile.json bob.key 127.0.0.1:8402
 *     ./dev run node examples/metered-api.ts buy profile.json alice.key 127.0.0.1:8402 20
 *
 * On a network of your own: docs/payments-for-your-service.md, "Try it".
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { openPurse, openShop, payingClient, sellRequests } from '@myst/billing'
import { loadNativeCrypto } from '@myst/crypto-native'
import { readProfile } from '@myst/program'
import { formatMyst, fromHex, type Hex, myst } from '@myst/protocol'
import { openSqliteStore } from '@myst/store'

const [role, profilePath = '', keyPath = '', at = '', times = '20'] = process.argv.slice(2)
const crypto = await loadNativeCrypto()
const profile = await readProfile(profilePath)
const own = { profile, privateKey: fromHex(readFileSync(keyPath, 'utf8').trim() as Hex) }
/** What was promised and to whom: whoever loses it asks the accountant, and believes only its own signature. */
const store = openSqliteStore(`${role}.db`)
const perRequest = myst / 5000n

if (role === 'sell') {
  const shop = await openShop({ crypto, store, log: console.error }, { ...own, policy: { minInvoiceMs: 1000 } })
  let served = 0
  const serve = sellRequests(shop, perRequest, (_request, response) => {
    served += 1
    response.end(`${served} is an interesting number\n`)
  })
  const [host, port] = at.split(':')
  const server = createServer(serve).listen(Number(port), host)
  console.log(`${shop.provider} sells at http://${at}`)
  const stop = async () => {
    server.close()
    await shop.close()
    const { credited, fees } = shop.desk.standing
    console.log(`served ${served}, earned ${formatMyst(credited)}, the accountant ${formatMyst(fees)}`)
    store.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
} else {
  const purse = await openPurse({ crypto, store }, own)
  console.log(`pays from ${purse.channel}`)
  const client = await payingClient(purse, `http://${at}`, { mostPerRequest: perRequest, budget: myst / 10n })
  for (let bought = 0; bought < Number(times); bought++) {
    process.stdout.write(await (await client.fetch('/number')).text())
  }
  await client.close()
  console.log(`${client.requests} requests; promised so far ${formatMyst(purse.promised)}`)
  store.close()
}
