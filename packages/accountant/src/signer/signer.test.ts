import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadNativeCrypto } from '@myst/crypto-native'
import { toHex, uintToBytes } from '@myst/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectSigner } from './remote-signer.ts'
import { startSigner } from './signer-server.ts'

const crypto = await loadNativeCrypto()
const [key, otherKey] = [new Uint8Array(32).fill(5), new Uint8Array(32).fill(6)]
const address = crypto.addressOf(key)
const hashes = (count: number) =>
  Array.from({ length: count }, (_, index) => crypto.keccak256(uintToBytes(BigInt(index))))
const one = hashes(1)

let dir: string
let socketPath: string
let closing: (() => unknown)[]
let logged: string[]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'myst-signer-'))
  socketPath = join(dir, 'signer.sock')
  closing = []
  logged = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  await rm(dir, { recursive: true, force: true })
})

async function start(secret = key, forGroup = false) {
  const signer = await startSigner(crypto, { key: secret, socketPath, forGroup })
  closing.push(signer.close)
  return signer
}

async function open(withinMs?: number) {
  const log = (line: string) => void logged.push(line)
  const remote = await connectSigner(crypto, { socketPath, log, ...(withinMs === undefined ? {} : { withinMs }) })
  closing.push(remote.close)
  return remote
}

/** Says whose key it has, and to all else what the test says. */
async function lie(answer: (id: number, asked: readonly string[]) => string | undefined): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const { id, hashes: asked } = JSON.parse(String(chunk)) as { id: number; hashes?: string[] }
      const line = asked === undefined ? JSON.stringify({ id, address }) : answer(id, asked)
      if (line !== undefined) socket.write(`${line}\n`)
    })
    closing.push(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  closing.push(() => server.close())
  return server
}

test('signs what the key signs, in order, in as many rounds as it takes', async () => {
  await start()
  const remote = await open()
  expect(remote.address).toBe(address)
  const asked = hashes(2500)
  const [signatures, alone] = await Promise.all([remote.sign(asked), remote.sign(one)])
  expect(signatures.map(toHex)).toEqual(asked.map((hash) => toHex(crypto.sign(hash, key))))
  expect(alone.map(toHex)).toEqual([toHex(crypto.sign(one[0] as Uint8Array, key))])
  expect(await remote.sign([])).toEqual([])
})

test('a signer that ends fails what is asked meanwhile, and signs again when it is back; both are said once', async () => {
  const signer = await start()
  const remote = await open()
  await signer.close()
  await expect(remote.sign(one)).rejects.toThrow('signer-unreachable')
  await expect(remote.sign(one)).rejects.toThrow('signer-unreachable')
  expect(remote.isAway).toBe(true)
  await start()
  expect(await remote.sign(one)).toHaveLength(1)
  expect(remote.isAway).toBe(false)
  expect(logged.map((line) => line.split(' ')[0])).toEqual(['signer-unreachable', 'signer-back'])
})

test('another key at the same place signs nothing that is used', async () => {
  const signer = await start()
  const remote = await open()
  await signer.close()
  await start(otherKey)
  // The first try may still find the old connection.
  const tries = [await remote.sign(one).catch(String), await remote.sign(one).catch(String)]
  expect(tries[0]).toMatch(/signer-(wrong|unreachable)/)
  expect(tries[1]).toContain('signer-wrong')
})

const good = (asked: readonly string[]) => asked.map(() => toHex(crypto.sign(one[0] as Uint8Array, key)))
const lies = [
  ['fewer signatures than hashes', (id: number) => JSON.stringify({ id, signatures: [] })],
  ['one signature twice', (id: number, asked: readonly string[]) => JSON.stringify({ id, signatures: good(asked) })],
  ['an error', (id: number) => JSON.stringify({ id, error: 'not-today' })],
  ['an address', (id: number) => JSON.stringify({ id, address })],
] as const
test.each(lies)('%s for an answer is not used, and the next question is asked all the same', async (_what, answer) => {
  await lie(answer)
  const remote = await open()
  await expect(remote.sign(hashes(2))).rejects.toThrow('signer-wrong')
  await expect(remote.sign(hashes(2))).rejects.toThrow('signer-wrong')
})

const garbage = [
  ['what is no JSON', () => '<html>'],
  ['an answer without its id', () => '{"signatures":[]}'],
  ['a line without an end', () => 'x'.repeat(1 << 20)],
] as const
test.each(garbage)('%s ends the connection', async (_what, answer) => {
  await lie(answer)
  const remote = await open()
  await expect(remote.sign(one)).rejects.toThrow('signer-unreachable')
})

test('a signer that hangs is given up, and asked again', async () => {
  let isSilent = true
  await lie((id, asked) => (isSilent ? undefined : JSON.stringify({ id, signatures: good(asked) })))
  const remote = await open(50)
  await expect(remote.sign(one)).rejects.toThrow('no answer in 50 ms')
  isSilent = false
  expect(await remote.sign(one)).toHaveLength(1)
})

test('the socket file is its owner’s alone, or its group’s too where that is asked for', async () => {
  const signer = await start()
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
  await signer.close()
  await start(key, true)
  expect((await stat(socketPath)).mode & 0o777).toBe(0o660)
})

test('never takes the place of a signer that runs, or of another file', async () => {
  await start()
  await expect(start(otherKey)).rejects.toThrow('signer-in-use')
  expect(await (await open()).sign(one)).toHaveLength(1)
  socketPath = join(dir, 'a-file')
  await writeFile(socketPath, 'keep me')
  await expect(start()).rejects.toThrow('socket-unusable')
  expect((await stat(socketPath)).size).toBe(7)
})

const questions = [
  ['{"id":7,"hashes":["0x12"]}', '{"id":7,"error":"request-malformed"}'],
  ['{"id":7,"hashes":"0x12"}', '{"id":7,"error":"request-malformed"}'],
  [JSON.stringify({ id: 7, hashes: hashes(1025).map(toHex) }), '{"id":7,"error":"request-malformed"}'],
  ['[]', undefined],
  ['{"id":"7"}', undefined],
  ['{"id":7', undefined],
  ['x'.repeat(1 << 20), undefined],
] as const
test.each(questions)('the signer answers %.40s with %s, and goes on', async (question, answer) => {
  await start()
  const socket = connect(socketPath)
  socket.write(`${question}\n`)
  const said = await new Promise<string | undefined>((resolve) => {
    socket.once('data', (chunk) => resolve(String(chunk).trim()))
    socket.once('close', () => resolve(undefined))
    socket.once('error', () => resolve(undefined))
  })
  socket.destroy()
  expect(said).toBe(answer)
  expect(await (await open()).sign(one)).toHaveLength(1)
})
