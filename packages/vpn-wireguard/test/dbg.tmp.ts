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
  const dump = async (why: string, hers: unknown, his: unknown) => {
 log(why)
      

      log(hers, his)
      for (const [n, h] of [['bob', w.bob], ['alice', w.alice], ['bobhome', w.bobHome], ['alicehome', w.aliceHome]] as const)
      console.log(n, (await h.exec('conntrack', ['-L', '-p', 'udp'])).stdout)
      for (const h of [w.alice, w.bob]) console.log((await h.exec('sh', ['-c', 'for s in /var/run/wireguard/myst*; do i=$(basename $s .sock); [ -d /sys/class/net/$i ] && printf "get=1\\n\\n" | timeout 1 python3 -c "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);s.send(b\'get=1\\n\\n\');print(s.recv(9999).decode())" $s; done; ss -uan'])).stdout)
      console.log((await w.bob.exec('nft', ['list', 'ruleset'])).stdout.match(/set direct_ports[^}]*}/g))
}
  for (let i = 0; i < 40; i++) {
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
    await w.bob.exec('nft', ['-f', '-'], { stdin: `table inet cnt${i} { chain a { type filter hook prerouting priority -350; ip saddr 203.0.113.8 udp dport ${his.localPort} counter comment "in raw"; }; chain b { type filter hook input priority 300; ip saddr 203.0.113.8 udp dport ${his.localPort} counter comment "NOT redirected"; ip saddr 203.0.113.8 meta l4proto udp counter comment "input"; }; chain c { type filter hook output priority -350; ip daddr 203.0.113.8 counter comment "output"; }; }` })
    await c.remote.usePath(hers).catch(async (e) => { log('DEAD', e.message); await dump('dead', hers, his); console.log((await w.bob.exec('nft', ['list', 'table', 'inet', `cnt${i}`])).stdout) })
    const moved = performance.now() - m
    setTimeout(() => { if (!done) void dump('stalled', hers, his) }, 4000)
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
