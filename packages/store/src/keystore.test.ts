import { createDecipheriv, createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { referenceCrypto as crypto, fromHex, toHex, uintToBytes } from '@myst/protocol'
import { bob } from '@myst/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decryptKey, encryptKey, keystoreAddress, readKeyFile, writeKeyFile } from './keystore.ts'

/** Scrypt so light that a test can afford it. */
const light = 2
const refusalOf = async (text: string, passphrase = 'foo') => {
  const verdict = await decryptKey(crypto, text, passphrase)
  return verdict.ok ? 'accepted' : 'why' in verdict.refusal ? verdict.refusal.why : verdict.refusal.code
}

describe("geth's published files", () => {
  const scrypt = (changes: object) => ({ dklen: 32, n: 2, r: 8, p: 1, ...changes })
  const file = (kdfparams: object, iv: string, ciphertext: string, mac: string, address?: string) =>
    JSON.stringify({
      ...(address === undefined ? {} : { address }),
      crypto: { cipher: 'aes-128-ctr', cipherparams: { iv }, ciphertext, kdf: 'scrypt', kdfparams, mac },
      id: 'ce541d8d-c79b-40f8-9f8c-20f59616faba',
      version: 3,
    })

  test('very-light-scrypt.json, with an empty passphrase', async () => {
    const text = file(
      scrypt({ salt: '004244bbdc51cadda545b1cfa43cff9ed2ae88e08c61f1479dbb45410722f8f0' }),
      'dc4926b48a105133d2f16b96833abf1e',
      'b87781948a1befd247bff51ef4063f716cf6c2d3481163e9a8f42e1f9bb74145',
      '39990c1684557447940d4c69e06b1b82b2aceacb43f284df65c956daf3046b85',
      '45dea0fb0bba44f4fcf290bba71fd57d7117cbb8',
    )
    const key = await decryptKey(crypto, text, '')
    expect(key.ok && crypto.addressOf(key.value)).toBe('0x45dea0fb0bba44f4fcf290bba71fd57d7117cbb8')
    expect(keystoreAddress(text)).toEqual({ ok: true, value: '0x45dea0fb0bba44f4fcf290bba71fd57d7117cbb8' })
  })

  const aaa = [
    scrypt({ n: 8, p: 16, salt: '0d6769bf016d45c479213990d6a08d938469c4adad8a02ce507b4a4e7b7739f1' }),
    'dfd9ee70812add5f4b8f89d0811c9158',
    'cb664472deacb41a2e995fa7f96fe29ce744471deb8d146a0e43c7898c9ddd4d',
    'bac9af994b15a45dd39669fc66f9aa8a3b9dd8c22cb16e4d8d7ea089d0f1a1a9',
  ] as const

  test('keystore/aaa, and the same without its address', async () => {
    for (const address of ['f466859ead1932d743d622cb74fc058882e8648a', undefined]) {
      const key = await decryptKey(crypto, file(...aaa, address), 'foobar')
      expect(key.ok && crypto.addressOf(key.value)).toBe('0xf466859ead1932d743d622cb74fc058882e8648a')
    }
    expect(keystoreAddress(file(...aaa))).toMatchObject({ ok: false, refusal: { why: 'address' } })
  })

  test('v3_test_vector.json: keys of 31 and 30 bytes, their leading zeros left out', async () => {
    const of31 = file(
      scrypt({ salt: '711f816911c92d649fb4c84b047915679933555030b3552c1212609b38208c63' }),
      'e0c41130a323adc1446fc82f724bca2f',
      '9517cd5bdbe69076f9bf5057248c6c050141e970efa36ce53692d5d59a3984',
      'd5e116151c6aa71470e67a7d42c9620c75c4d23229847dcc127794f0732b0db5',
    )
    const of30 = file(
      scrypt({ salt: 'd0769e608fb86cda848065642a9c6fa046845c928175662b8e356c77f914cd3b' }),
      '3ca92af36ad7c2cd92454c59cea5ef00',
      '108b7d34f3442fc26ab1ab90ca91476ba6bfa8c00975a49ef9051dc675aa',
      '75d0e6759f7b3cefa319c3be41680ab6beea7d8328653474bd06706d4cc67420',
    )
    const keys = [
      'fa7b3db73dc7dfdf8c5fbdb796d741e4488628c41fc4febd9160a866ba0f35',
      '81c29e8142bb6a81bef5a92bda7a8328a5c85bb2f9542e76f9b0f94fc018',
    ]
    for (const [index, text] of [of31, of30].entries()) {
      const key = await decryptKey(crypto, text, 'foo')
      expect(key.ok && toHex(key.value)).toBe(`0x${keys[index]?.padStart(64, '0')}`)
    }
  })

  test('v3_test_vector.json: scrypt with n = 2¹⁸ and r = 1 is outside RFC 7914, and refused', async () => {
    const text = file(
      { dklen: 32, n: 262_144, r: 1, p: 8, salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19' },
      '83dbcc02d8ccb40e466191a123791e0e',
      'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
      '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
    )
    expect(await refusalOf(text, 'testpassword')).toBe('kdfparams')
  })
})

describe('our own files', () => {
  test('give the key back to its passphrase', async () => {
    const text = await encryptKey(crypto, bob.privateKey, 'a passphrase 水', light)
    expect(await decryptKey(crypto, text, 'a passphrase 水')).toEqual({ ok: true, value: bob.privateKey })
    expect(keystoreAddress(text)).toEqual({ ok: true, value: bob.identity })
  })

  test('keep a key that begins with zeros', async () => {
    const key = uintToBytes(7n)
    const text = await encryptKey(crypto, key, '', light)
    expect(await decryptKey(crypto, text, '')).toEqual({ ok: true, value: key })
  })

  test('are as geth would read them: its MAC, its cipher', async () => {
    const { crypto: of } = JSON.parse(await encryptKey(crypto, bob.privateKey, 'foo', light))
    const { scryptSync } = await import('node:crypto')
    const derived = scryptSync('foo', Buffer.from(of.kdfparams.salt, 'hex'), 32, { N: light, r: 8, p: 1 })
    const ciphertext = Buffer.from(of.ciphertext, 'hex')
    const mac = crypto.keccak256(Buffer.concat([derived.subarray(16), ciphertext]))
    expect(Buffer.from(mac).toString('hex')).toBe(of.mac)
    const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(of.cipherparams.iv, 'hex'))
    expect(new Uint8Array(decipher.update(ciphertext))).toEqual(bob.privateKey)
  })

  test('cost a guess 128 MiB and are never the same twice', async () => {
    const [a, b] = [
      await encryptKey(crypto, bob.privateKey, 'foo'),
      await encryptKey(crypto, bob.privateKey, 'foo', light),
    ]
    expect(JSON.parse(a).crypto.kdfparams).toMatchObject({ n: 131_072, r: 8, p: 1 })
    expect(JSON.parse(a).crypto.ciphertext).not.toBe(JSON.parse(b).crypto.ciphertext)
    expect(JSON.parse(a).crypto.kdfparams.salt).not.toBe(JSON.parse(b).crypto.kdfparams.salt)
    expect(await decryptKey(crypto, a, 'foo')).toEqual({ ok: true, value: bob.privateKey })
  })

  test('say nothing of the key', async () => {
    const text = await encryptKey(crypto, bob.privateKey, 'foo', light)
    expect(text).not.toContain(toHex(bob.privateKey).slice(2))
    expect(text).not.toContain('foo')
  })
})

describe('refuses', () => {
  let good: { crypto: Record<string, Record<string, unknown>> } & Record<string, unknown>
  beforeEach(async () => {
    good = JSON.parse(await encryptKey(crypto, bob.privateKey, 'foo', light))
  })
  const changed = (path: string, value: unknown): string => {
    const copy = structuredClone(good) as Record<string, unknown>
    const names = path.split('.')
    let at = copy
    for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>
    at[names.at(-1) as string] = value
    return JSON.stringify(copy)
  }

  test('nothing of what is good', async () => expect(await refusalOf(JSON.stringify(good))).toBe('accepted'))

  test.each(['', 'Foo', 'foo ', 'foo\n', 'f'.repeat(100_000)])('the wrong passphrase %#', async (passphrase) => {
    expect(await refusalOf(JSON.stringify(good), passphrase)).toBe('keystore-wrong-passphrase')
  })

  test('a MAC with any byte changed, before anything is decrypted', async () => {
    const mac = good.crypto.mac as unknown as string
    for (let index = 0; index < 32; index++) {
      const bytes = fromHex(`0x${mac}`)
      bytes[index] = (bytes[index] as number) ^ 1
      expect(await refusalOf(changed('crypto.mac', toHex(bytes).slice(2)))).toBe('keystore-wrong-passphrase')
    }
  })

  test('a key with any byte changed', async () => {
    const bytes = fromHex(`0x${good.crypto.ciphertext}`)
    bytes[9] = (bytes[9] as number) ^ 1
    expect(await refusalOf(changed('crypto.ciphertext', toHex(bytes).slice(2)))).toBe('keystore-wrong-passphrase')
  })

  const malformed: [path: string, value: unknown, why: string][] = [
    ['version', 1, 'not version 3'],
    ['version', '3', 'not version 3'],
    ['crypto', null, 'unsupported cipher or kdf'],
    ['crypto.cipher', 'aes-256-gcm', 'unsupported cipher or kdf'],
    ['crypto.kdf', 'pbkdf2', 'unsupported cipher or kdf'],
    ['crypto.kdf', undefined, 'unsupported cipher or kdf'],
    ['crypto.cipherparams', undefined, 'iv'],
    ['crypto.cipherparams.iv', 'ab'.repeat(15), 'iv'],
    ['crypto.ciphertext', 'ab'.repeat(29), 'ciphertext'],
    ['crypto.ciphertext', 'ab'.repeat(33), 'ciphertext'],
    ['crypto.ciphertext', 'zz'.repeat(32), 'ciphertext'],
    ['crypto.mac', 'ab'.repeat(31), 'mac'],
    ['crypto.mac', 7, 'mac'],
    ['crypto.kdfparams', undefined, 'kdfparams'],
    ['crypto.kdfparams', 'n=2', 'kdfparams'],
    ['crypto.kdfparams.n', 0, 'kdfparams'],
    ['crypto.kdfparams.n', 1, 'kdfparams'],
    ['crypto.kdfparams.n', 3, 'kdfparams'],
    ['crypto.kdfparams.n', 2.5, 'kdfparams'],
    ['crypto.kdfparams.n', '2', 'kdfparams'],
    ['crypto.kdfparams.r', 0, 'kdfparams'],
    ['crypto.kdfparams.p', -1, 'kdfparams'],
    ['crypto.kdfparams.dklen', 16, 'kdfparams'],
    ['crypto.kdfparams.salt', '', 'salt'],
    ['crypto.kdfparams.salt', 'ab'.repeat(65), 'salt'],
    ['address', 5, 'address'],
    ['address', 'ab'.repeat(19), 'address'],
  ]
  test.each(malformed)('%s = %j', async (path, value, why) => expect(await refusalOf(changed(path, value))).toBe(why))

  const texts: [text: string, why: string][] = [
    ['', 'not JSON'],
    ['{', 'not JSON'],
    ['null', 'not version 3'],
    ['[]', 'not version 3'],
    ['3', 'not version 3'],
    [`"${'x'.repeat(70_000)}"`, 'too large'],
  ]
  test.each(texts)('the text %.10j', async (text, why) => expect(await refusalOf(text)).toBe(why))

  test('a file cut short anywhere', async () => {
    const whole = JSON.stringify(good)
    for (let length = 0; length < whole.length; length += 7) {
      expect(await refusalOf(whole.slice(0, length))).toBe('not JSON')
    }
  })

  const costly: [n: number, r: number, p: number][] = [
    [2 ** 21, 8, 1],
    [2 ** 30, 8, 1],
    [2 ** 40, 8, 1],
    [2, 8, 1_000_000],
    [2, 10_000_000, 1],
    [2 ** 18, 8, 16],
  ]
  test.each(costly)('work without bounds, at once: n=%i r=%i p=%i', async (n, r, p) => {
    const startedMs = performance.now()
    expect(await refusalOf(changed('crypto.kdfparams', { ...good.crypto.kdfparams, n, r, p }))).toBe(
      'keystore-too-costly',
    )
    expect(performance.now() - startedMs).toBeLessThan(500)
  })

  test('nothing for being unusual: many lanes are a wrong MAC, not a crash', async () => {
    const unusual = { ...good.crypto.kdfparams, n: 2, r: 8, p: 20_000 }
    expect(await refusalOf(changed('crypto.kdfparams', unusual))).toBe('keystore-wrong-passphrase')
  })
})

describe('key files', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'myst-keys-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  test('are for their owner alone, and leave nothing beside them', async () => {
    const path = join(dir, 'keys/bob.json')
    await writeKeyFile(path, 'one')
    await writeKeyFile(path, 'two')
    expect(await readKeyFile(path)).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'keys')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(dir, 'keys'))).toEqual(['bob.json'])
  })

  test('half a file that a crash left beside is overwritten', async () => {
    const path = join(dir, 'bob.json')
    writeFileSync(`${path}.new`, 'half a fi')
    await writeKeyFile(path, 'whole')
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(
      createHash('sha256').update('whole').digest('hex'),
    )
  })

  test('that are missing, or a folder, are a fault', async () => {
    await expect(readKeyFile(join(dir, 'gone'))).rejects.toMatchObject({ code: 'keystore-unreadable' })
    await expect(readKeyFile(dir)).rejects.toMatchObject({ code: 'keystore-unreadable' })
  })
})
