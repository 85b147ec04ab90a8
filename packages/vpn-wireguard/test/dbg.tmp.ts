import { createWorld, joinSignals } from './world.ts'

const w = await createWorld()
const t0 = performance.now()
const log = (...a: unknown[]) => console.log((performance.now() - t0).toFixed(0), ...a)
try {
  const [p, c, b] = await Promise.all([w.provider(), w.consumer(w.alice), w.browser(w.alice)])
  joinSignals(p.child, c.child)
  await p.remote.offer(['203.0.113.7'])
  const s = await p.remote.accept(await c.remote.prepare(['203.0.113.7', '198.18.0.40', '203.0.113.40']))
  await c.remote.open(s.parameters)
  for (const h of [w.bobHome, w.bob])
    await h.exec('nft', ['-f', '-'], {
      stdin: `table inet dbg {
   chain f { type filter hook forward priority -10; ct state invalid counter comment "invalid"; ip saddr 198.18.0.80 counter comment "from website"; ip daddr 198.18.0.80 counter comment "to website"; }
   chain l { type filter hook input priority -10; ct state invalid counter comment "invalid"; ip saddr 198.18.0.80 counter comment "from website"; }
   chain p { type filter hook postrouting priority 300; ip saddr 198.18.0.80 counter comment "from website";  ip daddr 198.18.0.80 counter comment "to website"; }
 }`,
    })
  for (let i = 0; i < 15; i++) {
    const d = b.remote.get('http://198.18.0.80/6000000', 10000).catch((e) => e)
    const [hers, his] = await Promise.all([c.remote.punch(), p.remote.punch()])
    if (hers.kind !== 'direct' || his.kind !== 'direct') {
      log('no path', hers, his)
      await d
      continue
    }
    let done = false
    const m = performance.now()
    await p.remote.usePath(0, his)
    await c.remote.usePath(hers)
    const moved = performance.now() - m
    setTimeout(async () => {
      if (done) return
      log('stalled?')
      console.log('website', (await w.website.exec('ss', ['-tin'])).stdout)
      console.log('alice', (await w.alice.exec('ss', ['-tin'])).stdout)
      console.log('bob', (await w.bob.exec('conntrack', ['-L', '-p', 'tcp'])).stdout)
      console.log('bobhome', (await w.bobHome.exec('conntrack', ['-L', '-p', 'tcp'])).stdout)
      console.log((await w.bob.exec('nft', ['list', 'ruleset'])).stdout.match(/chain (dbg|to_consumer)[^}]*}/g))
      console.log((await w.bob.exec('cat', ['/proc/net/stat/nf_conntrack'])).stdout)
      console.log((await w.bobHome.exec('cat', ['/proc/net/stat/nf_conntrack'])).stdout)
      for (const h of [w.bobHome, w.bob]) console.log((await h.exec('nft', ['list', 'table', 'inet', 'dbg'])).stdout)
    }, 4000)
    const r = await d
    done = true
    if (r instanceof Error) {
      log('FAIL', r.message)
      break
    }
    const e = await b.remote.get('http://198.18.0.80/10000000', 10000)
    log(
      i,
      'moved',
      moved.toFixed(0),
      'first',
      r.ms.toFixed(0),
      'direct Mbit/s',
      ((e.bytes * 8) / e.ms / 1000).toFixed(0),
    )
    await p.remote.usePath(0, { kind: 'carrier' })
    await c.remote.usePath({ kind: 'carrier' })
  }
} finally {
  await w.lab.close()
}
