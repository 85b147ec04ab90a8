import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createExitPolicy, isPublicUnicast, mayReach, specialPurposeV4 } from './index.ts'

const nowhere = { interfaces: () => ({}) }
const home = {
  interfaces: () => ({
    eth0: [
      { address: '8.8.4.7', cidr: '8.8.4.7/24' },
      { address: 'fe80::1%eth0', cidr: null },
      { address: '2a00:1450::7', cidr: '2a00:1450::7/64' },
    ],
  }),
}
const devnet = {
  publicRanges: ['198.18.0.0/15'],
  publicEndpoints: ['127.0.0.9:8080', '[::1]:8080'],
}
const lab = createExitPolicy({ profile: devnet, denied: ['198.18.0.7'], host: home })
const plain = createExitPolicy({ host: nowhere })

const publicAddresses = [
  ['a website', '93.184.216.34'],
  ['the address below 10/8', '9.255.255.255'],
  ['the address above 10/8', '11.0.0.0'],
  ['below shared space', '100.63.255.255'],
  ['above shared space', '100.128.0.0'],
  ['above 172.16/12', '172.32.0.0'],
  ['above benchmarking', '198.20.0.0'],
  ['the last unicast', '223.255.255.255'],
  ['IPv6', '2606:4700::1111'],
  ['mapped', '::ffff:93.184.216.34'],
  ['mapped, in hex', '::ffff:5db8:d822'],
  ['NAT64', '64:ff9b::5db8:d822'],
  ['6to4', '2002:5db8:d822::1'],
]

const notPublic = [
  ['this network', '0.0.0.0'],
  ['private 10', '10.1.2.3'],
  ['shared space', '100.64.0.1'],
  ['loopback', '127.0.0.1'],
  ['cloud metadata', '169.254.169.254'],
  ['private 172', '172.31.255.255'],
  ['protocol assignments', '192.0.0.8'],
  ['documentation 1', '192.0.2.1'],
  ['6to4 relay', '192.88.99.1'],
  ['private 192', '192.168.1.1'],
  ['benchmarking', '198.19.255.255'],
  ['documentation 2', '198.51.100.1'],
  ['documentation 3', '203.0.113.1'],
  ['multicast', '224.0.0.251'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['unspecified v6', '::'],
  ['loopback v6', '::1'],
  ['IPv4-compatible', '::93.184.216.34'],
  ['mapped loopback', '::ffff:127.0.0.1'],
  ['mapped metadata, in hex', '::ffff:a9fe:a9fe'],
  ['NAT64 of private', '64:ff9b::192.168.1.1'],
  ['local-use NAT64', '64:ff9b:1::1'],
  ['discard', '100::1'],
  ['Teredo', '2001::1'],
  ['ORCHID', '2001:20::1'],
  ['documentation v6', '2001:db8::1'],
  ['6to4 of private', '2002:c0a8:101::1'],
  ['documentation v6, new', '3fff::1'],
  ['segment routing', '5f00::1'],
  ['unique local', 'fd12:3456::1'],
  ['AWS metadata v6', 'fd00:ec2::254'],
  ['link-local', 'fe80::1'],
  ['site-local', 'fec0::1'],
  ['multicast v6', 'ff02::fb'],
  ['never handed out', '4000::1'],
]

const notAddresses = [
  '',
  'localhost',
  '127.1',
  '0177.0.0.1',
  '2130706433',
  '1.2.3.4 ',
  '1.2.3',
  'fe80::1%eth0',
  '2606::1%1',
  '[::1]',
  '1.2.3.4/32',
]

describe('public unicast', () => {
  test.each(publicAddresses)('is: %s', (_, ip) => expect(isPublicUnicast(ip)).toBe(true))
  test.each(notPublic)('is not: %s', (_, ip) => expect(isPublicUnicast(ip)).toBe(false))
  test.each(notAddresses)('is not: %j', (text) => expect(isPublicUnicast(text)).toBe(false))

  test('an address is judged alike, bare and inside IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number)
        const [high, low] = [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)]
        const shapes = [`::ffff:${ip}`, `::FFFF:${high}:${low}`, `64:ff9b::${ip}`, `2002:${high}:${low}::7`]
        for (const shape of shapes) expect(isPublicUnicast(shape)).toBe(isPublicUnicast(ip))
      }),
    )
  })

  test('no address of a listed range is public', () => {
    const inRange = fc.tuple(fc.constantFrom(...specialPurposeV4), fc.nat(0xffff_ffff)).map(([cidr, noise]) => {
      const [base = '', bits = ''] = cidr.split('/')
      const start = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
      const value = start + (noise % 2 ** (32 - Number(bits)))
      return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
    })
    fc.assert(fc.property(inRange, (ip) => !isPublicUnicast(ip)))
  })
})

describe('exit policy', () => {
  const rows: [what: string, ip: string, port: number, may: boolean][] = [
    ['a website', '93.184.216.34', 443, true],
    ['mail', '93.184.216.34', 25, false],
    ['a range that the profile adds', '198.18.1.1', 80, true],
    ['a denied address inside it', '198.18.0.7', 80, false],
    ['the same, mapped', '::ffff:198.18.0.7', 80, false],
    ['a range that no profile added', '203.0.113.1', 80, false],
    ['an endpoint that the profile adds', '127.0.0.9', 8080, true],
    ['the same, mapped', '::ffff:127.0.0.9', 8080, true],
    ['the same in IPv6, spelt out', '0:0:0:0:0:0:0:1', 8080, true],
    ['another port of it', '127.0.0.9', 22, false],
    ['the own address', '8.8.4.7', 443, false],
    ['an on-link neighbour', '8.8.4.200', 443, false],
    ['the own address, 6to4', '2002:808:407::1', 443, false],
    ['an on-link neighbour, IPv6', '2a00:1450::99', 443, false],
    ['beyond the own subnet', '8.8.5.1', 443, true],
    ['a name', 'example.org', 443, false],
  ]
  test.each(rows)('%s', (_, ip, port, may) => expect(mayReach(lab, ip, port)).toBe(may))

  test('without a profile, only public addresses are reachable', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.ipV6()),
        fc.integer({ min: 26, max: 65_535 }),
        (ip, port) => mayReach(plain, ip, port) === isPublicUnicast(ip),
      ),
    )
  })

  test('what is denied is denied whatever else the policy says, but for single endpoints', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        const policy = createExitPolicy({ profile: { publicRanges: ['0.0.0.0/0'] }, denied: [ip], host: nowhere })
        expect(mayReach(policy, ip, 443)).toBe(false)
      }),
    )
  })

  test.each([{ denied: ['10.0.0.0/33'] }, { denied: ['lan'] }, { profile: { publicEndpoints: ['website:80'] } }])(
    'is refused whole where a part is wrong: %j',
    (options) => {
      expect(() => createExitPolicy({ ...options, host: nowhere })).toThrow('exit-policy-invalid')
    },
  )
})
