/**
 * A key that a signer holds, as its user sees it: every signature is checked before it is used, and a signer that is away, hangs
 * or is wrong fails the one request. The next one tries again, on a new connection.
 *
 * @module
 */

import { connect, type Socket } from 'node:net'
import { type Address, type Crypto, Fault, isAddress } from '@myst/protocol'
import type { OperatorKey } from '../operator-key.ts'
import { maxHashes, onLines, type Question, readAnswer, type SignerAnswer, writeQuestion } from './signer-protocol.ts'

export interface RemoteSignerOptions {
  readonly socketPath: string
  /** Says when it begins and ends to fail. */
  readonly log: (line: string) => void
  /** A full round takes 30 ms; a hung signer holds the providers' answers for this. */
  readonly withinMs?: number
}

/** A full round takes 30 ms; a signer that takes so much longer hangs, and its connection is dropped. */
const defaultWithinMs = 5_000

interface Connection {
  readonly socket: Socket
  readonly asked: Map<number, { resolve(answer: SignerAnswer): void; reject(fault: Fault): void }>
}

/** @throws Fault `signer-unreachable`, `signer-wrong`. */
export async function connectSigner(
  crypto: Crypto,
  { socketPath, log, withinMs = defaultWithinMs }: RemoteSignerOptions,
): Promise<OperatorKey> {
  let current: Connection | undefined
  let lastId = 0
  let isFailing = false
  const away = (why: string) => new Fault('signer-unreachable', { socket: socketPath, why })
  const wrong = (why: string) => new Fault('signer-wrong', { socket: socketPath, why })

  function opened(): Connection {
    if (current !== undefined) return current
    const opening: Connection = { socket: connect(socketPath), asked: new Map() }
    const { socket, asked } = opening
    let why = 'it ended'
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      why = cause.code ?? cause.message
    })
    socket.on('close', () => {
      drop(opening)
      for (const { reject } of asked.values()) reject(away(why))
      asked.clear()
    })
    onLines(socket, (line) => {
      const answer = readAnswer(line)
      if (answer === undefined) return drop(opening)
      asked.get(answer.id)?.resolve(answer)
      asked.delete(answer.id)
    })
    // It keeps no program alive that has nothing to ask.
    socket.unref()
    current = opening
    return opening
  }

  function drop(connection: Connection): void {
    if (current === connection) current = undefined
    connection.socket.destroy()
  }

  async function ask(question: Omit<Question, 'id'>): Promise<SignerAnswer> {
    const id = ++lastId
    const connection = opened()
    const { socket, asked } = connection
    const answer = Promise.withResolvers<SignerAnswer>()
    asked.set(id, answer)
    socket.ref()
    const timer = setTimeout(() => {
      answer.reject(away(`no answer in ${withinMs} ms`))
      drop(connection)
    }, withinMs)
    socket.write(writeQuestion({ id, ...question }))
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
      asked.delete(id)
      if (asked.size === 0) socket.unref()
    }
  }

  /** Says it once. */
  async function noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      const done = await work()
      if (isFailing) log(`signer-back socket=${socketPath}`)
      isFailing = false
      return done
    } catch (fault) {
      if (!isFailing && fault instanceof Fault) log(fault.message)
      isFailing = true
      throw fault
    }
  }

  async function readAddress(): Promise<Address> {
    const answer = await ask({})
    if ('address' in answer && isAddress(answer.address)) return answer.address
    throw wrong('error' in answer ? answer.error : 'it does not say whose key it has')
  }

  async function signSome(hashes: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const answer = await ask({ hashes })
    if (!('signatures' in answer)) throw wrong('error' in answer ? answer.error : 'another question was answered')
    const { signatures } = answer
    const isWhole = signatures.length === hashes.length
    if (!isWhole || !hashes.every((hash, index) => crypto.recover(hash, signatures[index] as Uint8Array) === address)) {
      throw wrong('a signature is not of the key')
    }
    return signatures
  }

  const address = await readAddress()
  return {
    address,
    sign: (hashes) =>
      noting(async () => {
        const signatures: Uint8Array[] = []
        for (let from = 0; from < hashes.length; from += maxHashes) {
          signatures.push(...(await signSome(hashes.slice(from, from + maxHashes))))
        }
        return signatures
      }),
    get isAway() {
      return isFailing
    },
    close() {
      current?.socket.destroy()
    },
  }
}
