import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { canMakeNamespaces, cleanupStale, createLab, type Host, type Lab, type RouterKind } from './index.ts'
import { listNamespaces } from './namespace.ts'

const needs = await canMakeNamespaces()
const testFile = (name: string) => join(import.meta.dirname, '..', 'test', name)

let lab: Lab | undefined
afterEach(async () => {
  await lab?.close()
  lab = undefined
})

interface Heard {
  readonly local?: number
  readonly from?: string
  readonly text?: string
}

/** A UDP socket in a host, driven from here. */
async function socketIn(host: Host) {
  const child: ChildProcess = host.node(testFile('ask.ts'))
  const heard: Heard[] = []
  child.on('message', (message) => heard.push(message as Heard))
  const hear = async (count: number, timeoutMs = 2_000): Promise<Heard[]> => {
    const signal = AbortSignal.timeout(timeoutMs)
    while (heard.length < count) await once(child, 'message', { signal })
    return heard.splice(0, count)
  }
  const [hello] = await hear(1, 5_000)
  return { port: hello?.local ?? 0, ask: (target: string) => child.send(target), hear }
}

async function mirrorIn(host: Host, port: number): Promise<string> {
  const child = host.node(testFile('mirror.ts'), [host.address, `${port}`])
  await once(child, 'message', { signal: AbortSignal.timeout(5_000) })
  return `${host.address}:${port}`
}

/** Alice behind a router of the kind, and two mirrors on the internet. */
async function home(kind: RouterKind) {
  lab = await createLab({ name: 'nat' })
  const [first, second, router] = await Promise.all([
    lab.host('first', { address: '198.18.0.2' }),
    lab.host('second', { address: '203.0.113.2' }),
    lab.router('home', { ...kind, address: '203.0.113.7' }),
  ])
  const alice = await socketIn(await router.host('alice'))
  const mirrors = [await mirrorIn(first, 3478), await mirrorIn(second, 3478)] as const
  const stranger = await socketIn(second)
  return { alice, mirrors, router, stranger }
}

/** The port of the router that each mirror saw. */
async function portsSeen({ alice, mirrors, router }: Awaited<ReturnType<typeof home>>): Promise<number[]> {
  for (const mirror of mirrors) alice.ask(mirror)
  const answers = await alice.hear(2)
  return answers.map(({ text }) => {
    const [host, port] = text?.split(':') ?? []
    expect(host).toBe(router.address)
    return Number(port)
  })
}

describe.skipIf(!needs.ok)(`lab${needs.ok ? '' : ` (${needs.why})`}`, () => {
  test('joins hosts and homes of eight namespaces in under 1.5 s, and leaves nothing', async () => {
    const interfaces = await readdir('/sys/class/net')
    const startedMs = performance.now()
    lab = await createLab({ name: 'reach' })
    const website = await lab.host('website', { address: '198.18.0.80' })
    const [bobHome, aliceHome] = await Promise.all([
      lab.router('bob home', { kind: 'cone', address: '203.0.113.7' }),
      lab.router('alice home', { kind: 'symmetric', address: '203.0.113.8' }),
    ])
    const [bob, alice, carol] = await Promise.all([
      bobHome.host('bob'),
      aliceHome.host('alice'),
      aliceHome.host('carol'),
      lab.host('more', { address: '198.19.255.254' }),
    ])
    expect(performance.now() - startedMs).toBeLessThan(1_500)

    await Promise.all([
      ...[alice, bob, carol].map((host) => host.exec('ping', ['-c1', '-W1', website.address])),
      alice.exec('ping', ['-c1', '-W1', carol.address]),
      alice.exec('ping', ['-c1', '-W1', '127.0.0.1']),
    ])
    // A neighbour's home network is not on the internet, and neither is this machine's own.
    for (const address of [bob.address, '192.0.2.2', '1.1.1.1'])
      await expect(alice.exec('ping', ['-c1', '-W1', address])).rejects.toMatchObject({ code: 'command-failed' })

    const sleeper = alice.spawn('sleep', ['60'])
    const ended = once(sleeper, 'exit')
    await lab.close()
    await ended
    expect((await listNamespaces()).filter((name) => name.includes('reach'))).toEqual([])
    expect(await readdir('/sys/class/net')).toEqual(interfaces)
  })

  test('a cone keeps the port for every destination and hears only whom it wrote to', async () => {
    const parts = await home({ kind: 'cone' })
    expect(await portsSeen(parts)).toEqual([parts.alice.port, parts.alice.port])
    parts.stranger.ask(`${parts.router.address}:${parts.alice.port}`)
    await expect(parts.alice.hear(1, 300)).rejects.toThrow()
  })

  test('a symmetric router takes another port for each destination', async () => {
    const parts = await home({ kind: 'symmetric' })
    const [one, two] = await portsSeen(parts)
    expect(one).not.toBe(two)
    parts.stranger.ask(`${parts.router.address}:${two}`)
    await expect(parts.alice.hear(1, 300)).rejects.toThrow()
  })

  test('a full cone hears everybody on the port that it has opened', async () => {
    const parts = await home({ kind: 'full-cone' })
    const [one, two] = await portsSeen(parts)
    expect(one).toBe(two)
    parts.stranger.ask(`${parts.router.address}:${one}`)
    expect(await parts.alice.hear(1)).toMatchObject([{ text: 'hello' }])
  })

  test('an open router records an unsolicited packet, and gives the flow that meets it another port', async () => {
    const parts = await home({ kind: 'cone', open: true })
    parts.stranger.ask(`${parts.router.address}:${parts.alice.port}`)
    await wait(50)
    // The stranger is the second mirror's host, with a port of its own: answer to exactly that.
    parts.alice.ask(`203.0.113.2:${parts.stranger.port}`)
    const [heard] = await parts.stranger.hear(1)
    expect(heard?.from).not.toBe(`${parts.router.address}:${parts.alice.port}`)
  })

  test('packets with few hops left die on the way', async () => {
    lab = await createLab({ name: 'ttl' })
    const near = await lab.host('near', { address: '198.18.0.2' })
    const far = await lab.host('far', { address: '198.18.0.3' })
    await near.exec('ping', ['-c1', '-W1', far.address])
    await expect(near.exec('ping', ['-c1', '-W1', '-t5', far.address])).rejects.toThrow()
  })

  test('a rate limit holds', async () => {
    lab = await createLab({ name: 'rate' })
    const near = await lab.host('near', { address: '198.18.0.2' })
    const far = await lab.host('far', { address: '198.18.0.3' })
    await near.limitRate(1)
    const startedMs = performance.now()
    // 200 kB, ICMP carries 1,400 B each: 64 KiB leave at once, the rest takes a second at 1 Mbit/s.
    await near.exec('ping', ['-q', '-c143', '-i0.002', '-s1372', '-W1', far.address]).catch(() => {})
    const { stdout } = await far.exec('cat', ['/proc/net/dev'])
    const receivedBytes = Number(/eth0:\s*(\d+)/.exec(stdout)?.[1])
    const seconds = (performance.now() - startedMs) / 1000
    expect(receivedBytes).toBeLessThan(65_536 + 20_000 + seconds * 140_000)
  })

  test('the namespaces of a killed owner are found and removed, those of a living one stay', async () => {
    lab = await createLab({ name: 'alive' })
    const dead = 'myst-4194303x1-0dead-host'
    const { run } = await import('./command.ts')
    await run('ip', ['netns', 'add', dead])
    expect(await cleanupStale()).toContain(dead)
    expect(await listNamespaces()).toContain(lab.internet.netns)
    expect(await listNamespaces()).not.toContain(dead)
  })

  test('name servers are the host’s own', async () => {
    lab = await createLab({ name: 'dns' })
    const host = await lab.host('host', { address: '198.18.0.2' })
    await host.setResolvConf('nameserver 198.18.0.53\n')
    expect((await host.exec('cat', ['/etc/resolv.conf'])).stdout).toBe('nameserver 198.18.0.53\n')
    await lab.close()
    await expect(readdir(`/etc/netns/${host.netns}`)).rejects.toThrow()
  })

  test('takes no address of the real internet', async () => {
    lab = await createLab({ name: 'outside' })
    await expect(lab.host('host', { address: '8.8.8.8' })).rejects.toMatchObject({ code: 'lab-address-outside' })
  })
})
