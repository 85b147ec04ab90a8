import { canMakeNamespaces, createLab } from '@myst/netlab'
import { describe, expect, test } from 'vitest'
import { createExitPolicy, renderNftPolicy } from './index.ts'

const needs = await canMakeNamespaces()
const policy = createExitPolicy({
  profile: { publicRanges: ['198.18.0.0/15'], publicEndpoints: ['203.0.113.9:80', '[::1]:80'] },
  denied: ['198.18.0.7', '198.18.0.7/24', '2001:db8::1'],
  host: { interfaces: () => ({}) },
})

describe('policy for the kernel', () => {
  test('holds the same ranges as the policy, IPv4 alone', () => {
    const text = renderNftPolicy(policy)
    expect(text).toContain('elements = { 198.18.0.7/32, 198.18.0.7/24 }')
    expect(text).toContain('elements = { 203.0.113.9 . 80 }')
    expect(text).toContain('169.254.0.0/16')
    expect(text).not.toContain('2001:db8')
  })

  test.skipIf(!needs.ok)(`nft takes it${needs.ok ? '' : ` (${needs.why})`}`, async () => {
    const lab = await createLab({ name: 'nft' })
    try {
      for (const each of [policy, { publicRanges: [], publicEndpoints: [], denied: [] }])
        await lab.internet.exec('nft', ['-f', '-'], {
          stdin: `table inet exit {\n${renderNftPolicy(each)}\n}\ndelete table inet exit`,
        })
    } finally {
      await lab.close()
    }
  })
})
