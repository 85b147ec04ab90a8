/**
 * `myst faucet`: MYST on a test network, from a transactor that gives it away.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Address, Fault } from '@myst/api'
import { readAddress } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { mystText } from '../wording.ts'

interface FaucetOptions {
  readonly network?: string
}

interface GiftJson {
  readonly id: string
  readonly status: 'waiting' | 'mined' | 'refused'
  readonly to: Address
  readonly amount: string
  readonly hash?: string
}

interface Drawn {
  readonly gift: GiftJson
  /** It came earlier today; nothing was given now. */
  readonly again: boolean
}

const faucet: Action<[Address | undefined, FaucetOptions]> = async (context, given, options) => {
  const to = given ?? (await (await context.node()).topUp()).channel
  const url = await transactorOf(options.network ?? join(context.dataDir, 'network.json'), context.dataDir)
  const { gift, again } = await context.progress('Asking the faucet', drawn(url, to as Address))
  return {
    json: gift,
    text: said(context, gift, again),
  }
}

function said({ paint }: Context, { status, amount, to }: GiftJson, again: boolean): string {
  if (status !== 'mined') return `${mystText(amount)} are on their way to ${to}.`
  if (again) return `${to} had its ${mystText(amount)} of today already. There is more tomorrow.`
  return `${paint('green', 'Given')} ${mystText(amount)} to ${to}. There is more tomorrow.`
}

/** A profile is handed out with the network; that of a node lies in its data directory. */
async function transactorOf(path: string, dataDir: string): Promise<string> {
  let profile: { readonly transactorUrls?: readonly unknown[] }
  try {
    profile = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new Fault('network-missing', { dataDir, path }, { cause })
  }
  const [url] = profile?.transactorUrls ?? []
  if (typeof url !== 'string') throw new Fault('profile-incomplete', { path })
  return url
}

/** A test network mines within this; the gift comes all the same when it takes longer. */
const minedWithinMs = 60_000
/** A person looks on: the gift shows so late at most. */
const pollMs = 250
/** A faucet answers before its transaction is mined, but may have to ask its chain first. */
const answerTimeoutMs = 30_000

async function drawn(url: string, to: Address): Promise<Drawn> {
  const gift = (await ask(url, '/v1/faucet', JSON.stringify({ to }))) as GiftJson
  const deadlineMs = performance.now() + minedWithinMs
  let state: Pick<GiftJson, 'status' | 'hash'> = gift
  while (state.status === 'waiting' && performance.now() < deadlineMs) {
    await wait(pollMs)
    state = (await ask(url, `/v1/requests/${gift.id}`)) as GiftJson
  }
  return { gift: { ...gift, ...state }, again: gift.status === 'mined' }
}

async function ask(url: string, path: string, body?: string): Promise<unknown> {
  let response: Response
  let answer: string
  try {
    const headers = {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const signal = AbortSignal.timeout(answerTimeoutMs)
    response = await fetch(url + path, { headers, signal, ...(body === undefined ? {} : { method: 'POST', body }) })
    answer = await response.text()
  } catch (cause) {
    throw new Fault('transactor-unreachable', { url }, { cause })
  }
  if (!response.ok) throw new Fault('faucet-refused', { url, why: answer.slice(0, 300) })
  try {
    return JSON.parse(answer)
  } catch (cause) {
    throw new Fault('transactor-unreachable', { url, why: 'no JSON' }, { cause })
  }
}

export const registerFaucet: Register = (program, bind) => {
  const command = program
    .command('faucet')
    .argument('[address]', "who gets it (default: the channel of the data directory's node)", readAddress)
    .summary('MYST on a test network, for nothing')
    .description(
      'Draws MYST from the faucet of a test network, once a day for each address. Networks whose MYST is worth something have none.',
    )
    .option('--network <profile.json>', 'the network (default: the one of the data directory)')
    .action(bind(faucet))
  withExample(
    command,
    'myst faucet',
    'myst faucet 0x00000000000000000000000000000000000000a1 --network test.network.json',
  )
}
