/**
 * Signer: holds an operator's key, and signs what it is asked over a Unix socket by whoever may open that file. It judges
 * nothing: see `docs/decisions/0020-signer.md`.
 *
 * @module
 */

import { chmod, lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { type Address, type Crypto, Fault } from '@myst/protocol'
import { onLines, type Question, readQuestion, type SignerAnswer, writeAnswer } from './signer-protocol.ts'

export interface Signer {
  readonly address: Address
  close(): Promise<void>
}

export interface SignerOptions {
  readonly key: Uint8Array
  readonly socketPath: string
  /** Its group may use it too; else its owner alone. */
  readonly forGroup: boolean
}

/** An accountant, those that stand in line for its ledger, and the commands beside them. */
const maxConnections = 32

/** @throws Fault `signer-in-use`, `socket-unusable`. */
export async function startSigner(crypto: Crypto, { key, socketPath, forGroup }: SignerOptions): Promise<Signer> {
  const address = crypto.addressOf(key)
  const open = new Set<Socket>()

  const answerTo = ({ id, hashes }: Question): SignerAnswer =>
    hashes === undefined ? { id, address } : { id, signatures: hashes.map((hash) => crypto.sign(hash, key)) }

  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.on('drain', () => socket.resume())
    onLines(socket, (line) => {
      const question = readQuestion(line)
      if (question === undefined) return void socket.destroy()
      const answer =
        'malformed' in question ? { id: question.malformed, error: 'request-malformed' } : answerTo(question)
      // Who does not read what it asked for is not listened to.
      if (!socket.write(writeAnswer(answer))) socket.pause()
    })
  })
  server.maxConnections = maxConnections
  await removeStale(socketPath)
  // Its owner alone, from the first moment on.
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketPath, resolve)
    })
  } catch (cause) {
    throw new Fault('socket-unusable', { path: socketPath, why: (cause as NodeJS.ErrnoException).code }, { cause })
  } finally {
    process.umask(mask)
  }
  if (forGroup) await chmod(socketPath, 0o660)
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** What a signer that was killed left behind; never another kind of file, and never a signer that runs. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new Fault('socket-unusable', { path, why: 'another file is there' })
  const isHeard = await new Promise<boolean>((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
  if (isHeard) throw new Fault('signer-in-use', { path })
  await unlink(path)
}
