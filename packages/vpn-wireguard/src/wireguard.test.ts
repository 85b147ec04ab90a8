import { readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { canMakeNamespaces, type Host } from '@myst/netlab'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorld, joinSignals, type World } from '../test/world.ts'

const needs = await canMakeNamespaces()

/** Everything that a tunnel may change in a host. */
async function snapshot(host: Host): Promise<string> {
  const look = [
    'nft list ruleset',
    'ip rule; ip -6 rule; ip -4 route show table all; ip -6 route show table all | grep -v -e fe80 -e ff00',
    'ls /sys/class/net',
    'grep -r . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/{accept_redirects,forwarding,send_redirects,rp_filter}',
  ]
  return (await host.exec('bash', ['-c', look.join('; ')])).stdout
}

let watchSeq = 0

/** Counts packets in a host from now on. */
async function watch(host: Host, hook: string, match: string): Promise<() => Promise<number>> {
  const table = `watch${watchSeq++}`
  const stdin = `table ip ${table} { chain seen { type filter hook ${hook}; ${match} counter; }; }`
  await host.exec('nft', ['-f', '-'], { stdin })
  return async () => {
    const { stdout } = await host.exec('nft', ['list', 'table', 'ip', table])
    await host.exec('nft', ['delete', 'table', 'ip', table])
    return Number(/counter packets (\d+)/.exec(stdout)?.[1])
  }
}

const sockets = () => readdir('/var/run/wireguard').catch(() => [])

describe.skipIf(!needs.ok)(`wireguard${needs.ok ? '' : ` (${needs.why})`}`, () => {
  let world: World
  let bob: Awaited<ReturnType<World['provider']>>
  let alice: Awaited<ReturnType<World['consumer']>>
  let browser: Awaited<ReturnType<World['browser']>>['remote']
  const before = new Map<Host, string>()
  let socketsBefore: string[]
  const keepOutside = ['203.0.113.7', '203.0.113.40', '198.18.0.40']
  let session = -1

  beforeAll(async () => {
    world = await createWorld()
    socketsBefore = await sockets()
    for (const host of [world.bob, world.alice]) before.set(host, await snapshot(host))
    const started = await Promise.all([world.provider(), world.consumer(world.alice), world.browser(world.alice)])
    bob = started[0]
    alice = started[1]
    browser = started[2].remote
    joinSignals(bob.child, alice.child)
  })
  afterAll(() => world?.lab.close())

  const page = (path: string, timeoutMs?: number) => browser.get(`http://${world.website.address}/${path}`, timeoutMs)
  const pingsAtWebsite = async () => {
    const { stdout } = await world.website.exec('cat', ['/proc/net/snmp'])
    return Number(/IcmpMsg: .*InType8.*\nIcmpMsg: (\d+)/.exec(stdout)?.[1] ?? 0)
  }

  test('opens over the carrier, and the website sees the provider', async () => {
    expect((await page('')).text).toBe(world.aliceHome.address)
    await bob.remote.offer([world.bobHome.address])
    const startedMs = performance.now()
    const parameters = await alice.remote.prepare(keepOutside)
    const accepted = await bob.remote.accept(parameters)
    session = accepted.session
    await alice.remote.open(accepted.parameters)
    const { text } = await page('')
    console.log(`prepare → first page over the carrier: ${(performance.now() - startedMs).toFixed(0)} ms`)
    expect(text).toBe(world.bobHome.address)
  })

  test('both sides count the same bytes', async () => {
    const want = 3_000_000
    const { ms } = await page(`${want}`, 20_000)
    console.log(`carrier: ${((want * 8) / ms / 1000).toFixed(0)} Mbit/s`)
    await wait(150) // the provider's figures may be 0.1 s old
    const [provided, consumed] = [await bob.remote.stats(session), await alice.remote.stats()]
    expect(provided.receivedBytes).toBeGreaterThan(BigInt(want))
    for (const way of ['sentBytes', 'receivedBytes'] as const) {
      const difference = Math.abs(Number(provided[way] - consumed[way])) / Number(consumed[way])
      // The kernel merges TCP segments before the provider's count: 52 of 1,280 bytes are headers that it then misses.
      expect(difference, `${way}: ${provided[way]} and ${consumed[way]}`).toBeLessThan(0.05)
    }
  })

  const forbidden = [
    ['a printer on the provider’s LAN', '192.168.7.3'],
    ['the provider on its LAN', '192.168.7.2'],
    ['the provider’s router', '192.168.7.1'],
    ['the router’s outer address', '203.0.113.7'],
    ['the provider’s end of the tunnel', '10.182.0.1'],
    ['cloud metadata', '169.254.169.254'],
    ['loopback', '127.0.0.1'],
    ['multicast', '224.0.0.251'],
  ] as const

  test('no packet reaches what is the provider’s own, nor does an answer come', async () => {
    const reach = 'exec 3<>/dev/tcp/192.168.7.3/80 && echo open'
    expect((await world.bob.exec('bash', ['-c', reach])).stdout).toBe('open\n')
    const watches = await Promise.all([
      // What arrives at a service of Bob's, from the tunnel alone; the printer and the router see Bob's address.
      watch(world.bob, 'input priority filter', 'iifname "myst*"'),
      watch(world.printer, 'prerouting priority raw', 'ip saddr 192.168.7.2 icmp type echo-request'),
      watch(world.printer, 'prerouting priority raw', 'ip saddr 192.168.7.2 tcp flags syn'),
      watch(
        world.bobHome,
        'prerouting priority raw',
        'ip saddr 192.168.7.2 icmp type echo-request ip daddr != 198.18.0.0/15',
      ),
    ])
    const tunnel = (await alice.remote.description()).split(' ').at(-1) ?? ''
    const ping = (address: string) => world.alice.exec('ping', ['-c2', '-i0.2', '-W1', '-I', tunnel, address])
    await Promise.all([
      ...forbidden.map(([what, address]) => expect(ping(address), what).rejects.toThrow()),
      expect(browser.get(`http://${world.printer.address}/`, 400)).rejects.toThrow(),
      ping(world.website.address),
    ])
    for (const seen of watches) expect(await seen()).toBe(0)
  })

  test('a pause forwards nothing at once, and flows go on after it', async () => {
    const download = page('8000000', 20_000)
    const pinging = world.alice.spawn('ping', ['-q', '-i0.01', world.website.address])
    await wait(100)
    await bob.remote.pause(session)
    const pings = await pingsAtWebsite()
    await wait(150) // the provider's figures may be 0.1 s old
    const counted = await bob.remote.stats(session)
    await wait(400)
    expect(await pingsAtWebsite()).toBe(pings)
    expect(await bob.remote.stats(session)).toEqual(counted)
    await bob.remote.resume(session)
    expect((await download).bytes).toBe(8_000_000)
    expect(await pingsAtWebsite()).toBeGreaterThan(pings)
    pinging.kill()
  })

  test('moves to a punched path under a running download, and back', async () => {
    const download = page('12000000', 20_000)
    const startedMs = performance.now()
    const [hers, his] = await Promise.all([alice.remote.punch(), bob.remote.punch()])
    if (hers.kind !== 'direct' || his.kind !== 'direct') throw new Error(`no path: ${JSON.stringify([hers, his])}`)
    await bob.remote.usePath(session, his)
    await alice.remote.usePath(hers)
    console.log(`punch and move: ${(performance.now() - startedMs).toFixed(0)} ms`)
    expect((await download).bytes).toBe(12_000_000)

    const carried = await alice.remote.carried()
    const { ms, bytes } = await page('20000000', 20_000)
    console.log(`direct: ${((bytes * 8) / ms / 1000).toFixed(0)} Mbit/s`)
    expect(await alice.remote.carried()).toBe(carried)
    expect((await page('')).text).toBe(world.bobHome.address)

    await bob.remote.usePath(session, { kind: 'carrier' })
    await alice.remote.usePath({ kind: 'carrier' })
    expect((await page('')).text).toBe(world.bobHome.address)
    expect(await alice.remote.carried()).toBeGreaterThan(carried)
  })

  test('falls back to the carrier where the provider is not heard on the punched path', async () => {
    const [hers, his] = await Promise.all([alice.remote.punch(), bob.remote.punch()])
    if (hers.kind !== 'direct' || his.kind !== 'direct') throw new Error(`no path: ${JSON.stringify([hers, his])}`)
    const deaf =
      'table ip deaf { chain lost { type filter hook prerouting priority raw; ip saddr 203.0.113.7 drop; }; }'
    await world.aliceHome.exec('nft', ['-f', '-'], { stdin: deaf })
    await bob.remote.usePath(session, his)
    await expect(alice.remote.usePath(hers)).rejects.toThrow('path-dead')
    // The provider was heard, has shut its carrier, and is told nothing.
    expect((await page('', 4_000)).text).toBe(world.bobHome.address)
    await world.aliceHome.exec('nft', ['delete', 'table', 'ip', 'deaf'])
    await bob.remote.usePath(session, { kind: 'carrier' })
    expect((await page('')).text).toBe(world.bobHome.address)
  })

  test('keeps sessions apart, and drops what one sends in another’s name', async () => {
    const dave = await world.consumer(world.dave)
    const accepted = await bob.remote.accept(await dave.remote.prepare(keepOutside))
    await dave.remote.open(accepted.parameters)
    const tunnel = (await alice.remote.description()).split(' ').at(-1) ?? ''
    const ping = (...args: string[]) => world.alice.exec('ping', ['-c2', '-i0.2', '-W1', '-I', tunnel, ...args])
    const seen = await watch(world.dave, 'prerouting priority raw', 'ip saddr 10.182.0.2')
    await expect(ping('10.182.0.3')).rejects.toThrow()
    expect(await seen()).toBe(0)
    const pings = await pingsAtWebsite()
    await world.alice.exec('ip', ['address', 'add', '10.182.0.3/32', 'dev', tunnel])
    await expect(world.alice.exec('ping', ['-c2', '-W1', '-I', '10.182.0.3', world.website.address])).rejects.toThrow()
    await world.alice.exec('ip', ['address', 'del', '10.182.0.3/32', 'dev', tunnel])
    expect(await pingsAtWebsite()).toBe(pings)
    // A neighbour of the provider who routes into the sessions' range.
    await world.printer.exec('ip', ['route', 'add', '10.182.0.0/16', 'via', world.bob.address])
    await expect(world.printer.exec('ping', ['-c1', '-W1', '10.182.0.2'])).rejects.toThrow()

    await bob.remote.closeSession(accepted.session)
    await expect(world.dave.exec('ping', ['-c1', '-W1', world.website.address])).rejects.toThrow()
    expect((await page('')).text).toBe(world.bobHome.address)
    await dave.remote.close()
    await world.dave.exec('ping', ['-c1', '-W1', world.website.address])
  })

  test('close leaves everything as it was', async () => {
    await alice.remote.close()
    await bob.remote.close()
    for (const [host, was] of before) expect(await snapshot(host)).toBe(was)
    expect(await sockets()).toEqual(socketsBefore)
    expect((await page('')).text).toBe(world.aliceHome.address)
  })

  test('killed sides leave a closed tunnel, and the next start cleans up', async () => {
    const [bobAgain, aliceAgain] = await Promise.all([world.provider(), world.consumer(world.alice)])
    await bobAgain.remote.offer([])
    const accepted = await bobAgain.remote.accept(await aliceAgain.remote.prepare(keepOutside))
    await aliceAgain.remote.open(accepted.parameters)
    aliceAgain.child.kill('SIGKILL')
    bobAgain.child.kill('SIGKILL')
    await wait(200)
    expect((await world.alice.exec('ls', ['/sys/class/net'])).stdout).not.toContain('myst')
    await expect(page('')).rejects.toThrow(/ENETUNREACH|EHOSTUNREACH|aborted/)

    const [cleaner, carol] = await Promise.all([world.provider(), world.consumer(world.alice)])
    expect((await cleaner.remote.removeLeftovers()).length).toBeGreaterThan(0)
    await carol.remote.prepare(keepOutside)
    expect((await page('')).text).toBe(world.aliceHome.address)
    await carol.remote.discard()
    for (const [host, was] of before) expect(await snapshot(host)).toBe(was)
    expect(await sockets()).toEqual(socketsBefore)
  })
})
