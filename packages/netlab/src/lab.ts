/**
 * A lab: an internet, hosts on it, and home routers with hosts behind them, each in its own network namespace.
 *
 * The internet is one router. A public host has one address, /32, and a gateway, as rented servers do: nothing is
 * on-link by accident. Addresses come from the ranges for documentation and benchmarks, and there is no uplink.
 *
 * @module
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { assert, Fault } from '@myst/protocol'
import { ipBatch } from './command.ts'
import { enterNamespace, type Namespace, namespacePrefix, ownerTag, removeNamespaces } from './namespace.ts'
import { type RouterKind, routerRules } from './router.ts'

/** On `lo` of the internet; every public host's gateway. */
const gateway = '198.18.0.1'
const labRanges = [/^198\.1[89]\.\d+\.\d+$/, /^203\.0\.113\.\d+$/]
/**
 * The internet drops packets with fewer hops left, as a long path does: a punch's opening packets (TTL 5) never arrive,
 * and a packet that began with 64 passes thirty routers.
 */
const minTtl = 32
/** Namespaces of one lab; each costs a few hundred kB of kernel memory. */
const maxNamespaces = 200

export interface LabOptions {
  /** Part of the namespaces' names, so that a person sees whose they are. */
  readonly name: string
}

export interface HostOptions {
  /** From 198.18.0.0/15 or 203.0.113.0/24. */
  readonly address: string
}

export interface RouterOptions extends HostOptions, RouterKind {
  /** The network behind it, a /24 whose `.1` is the router. Default `192.168.<n>`; two routers may use the same. */
  readonly lan?: string
}

export interface Host extends Namespace {
  readonly name: string
  readonly address: string
  /** Bounds what the host sends (`tc tbf`), in Mbit/s. */
  limitRate(mbps: number): Promise<void>
  /** Name servers of the processes that are started from now on, in `/etc/resolv.conf`'s own words. */
  setResolvConf(text: string): Promise<void>
}

export interface Router extends Host {
  /** A host behind this router. */
  host(name: string): Promise<Host>
}

export interface Lab {
  readonly internet: Namespace
  /** A host with a public address. */
  host(name: string, options: HostOptions): Promise<Host>
  router(name: string, options: RouterOptions): Promise<Router>
  /** Kills every process in the lab and removes every namespace. */
  close(): Promise<void>
}

/** @example const lab = await createLab({ name: 'punch' }) */
export async function createLab({ name }: LabOptions): Promise<Lab> {
  const made: string[] = []
  const prefix = `${namespacePrefix}-${await ownerTag()}-${labSeq++}${plain(name)}`
  const nameOf = (host: string): string => {
    const netns = `${prefix}-${plain(host)}`
    assert(!made.includes(netns), `two hosts of a lab have the name ${host}`)
    if (made.length === maxNamespaces) throw new Fault('lab-full', { maxNamespaces })
    made.push(netns)
    return netns
  }

  const internet = enterNamespace(nameOf('internet'))
  await ipBatch([`netns add ${internet.netns}`])
  await ipBatch(['link set lo up', `address add ${gateway}/32 dev lo`], internet.netns)
  await internet.exec('sh', ['-c', `${forwarding}; nft -f -`], { stdin: internetRules })

  /** A namespace with interface `uplink`, whose other end is `far` in namespace `towards`. */
  const join = async (host: string, uplink: string, towards: Namespace, far: string): Promise<Namespace> => {
    const space = enterNamespace(nameOf(host))
    await ipBatch([
      `netns add ${space.netns}`,
      `link add name ${far} netns ${towards.netns} type veth peer name ${uplink} netns ${space.netns}`,
    ])
    return space
  }

  let links = 0
  const joinInternet = async (host: string, uplink: string, address: string): Promise<Namespace> => {
    if (!labRanges.some((range) => range.test(address))) throw new Fault('lab-address-outside', { host, address })
    const far = `host${links++}`
    const space = await join(host, uplink, internet, far)
    await Promise.all([
      ipBatch([`link set ${far} up`, `route add ${address}/32 dev ${far}`], internet.netns),
      ipBatch(
        [
          'link set lo up',
          `address add ${address}/32 dev ${uplink}`,
          `link set ${uplink} up`,
          `route add default via ${gateway} dev ${uplink} onlink`,
        ],
        space.netns,
      ),
    ])
    return space
  }

  const joinRouter = async (host: string, router: Namespace, lan: string, place: number): Promise<Host> => {
    const far = `lan${place}`
    const space = await join(host, 'eth0', router, far)
    const address = `${lan}.${place}`
    await Promise.all([
      ipBatch([`link set ${far} master lan`, `link set ${far} up`], router.netns),
      ipBatch(
        [
          'link set lo up',
          `address add ${address}/24 dev eth0`,
          'link set eth0 up',
          `route add default via ${lan}.1 dev eth0`,
        ],
        space.netns,
      ),
    ])
    return asHost(space, host, address, 'eth0')
  }

  let routers = 0
  return {
    internet,
    async host(host, { address }) {
      return asHost(await joinInternet(host, 'eth0', address), host, address, 'eth0')
    },
    async router(host, options) {
      const lan = options.lan ?? `192.168.${++routers}`
      const space = await joinInternet(host, 'wan', options.address)
      await ipBatch(['link add lan type bridge', `address add ${lan}.1/24 dev lan`, 'link set lan up'], space.netns)
      await space.exec('sh', ['-c', `${forwarding}; nft -f -`], { stdin: routerRules(options) })
      let places = 1 // .1 is the router itself
      return {
        ...asHost(space, host, options.address, 'wan'),
        host: (inner) => {
          assert(places < 254, 'a /24 has 253 places behind its router')
          return joinRouter(inner, space, lan, ++places)
        },
      }
    },
    close: () => removeNamespaces(made.splice(0)),
  }
}

let labSeq = 0

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

const forwarding = 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects'

const internetRules = `
table ip internet {
  chain forward {
    type filter hook forward priority filter
    ip ttl < ${minTtl} drop
  }
}
`

function asHost(space: Namespace, name: string, address: string, uplink: string): Host {
  return {
    ...space,
    name,
    address,
    async limitRate(mbps) {
      // 64 KiB is one large send; 50 ms of queue is a home router of the better kind.
      await space.exec('tc', `qdisc replace dev ${uplink} root tbf rate ${mbps}mbit burst 64k latency 50ms`.split(' '))
    },
    async setResolvConf(text) {
      await mkdir(`/etc/netns/${space.netns}`, { recursive: true })
      await writeFile(`/etc/netns/${space.netns}/resolv.conf`, text)
    },
  }
}
