/**
 * The contracts of a network, for the command line: deployed, verified, or extended by an accountant. One question as a line of JSON on stdin, then
 * lines of JSON on stdout: events while it works, and one answer or error. Passphrases come that way too, and never on a
 * command line, where every user of the machine reads them.
 *
 * It ends with whoever asked: when stdin closes. Nothing is lost by that, since all progress is on chain.
 *
 * @module
 */

// First: it refuses an old Node before anything native is loaded.
import '@myst/program'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { exitCodeOf } from '@myst/api'
import { Fault } from '@myst/protocol'
import { Parse } from 'typebox/value'
import { toJson } from './api-json.ts'
import type { Tell } from './contracts/question.ts'

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(toJson(line))}\n`)
const tell: Tell = (event) => say({ event })

async function answer(text: string): Promise<object> {
  const { questionSchema } = await import('./contracts/question.ts')
  const question = Parse(questionSchema, JSON.parse(text))
  if (question.ask === 'verify') return (await import('./contracts/verify.ts')).verify(question)
  if (question.ask === 'plan-accountant' || question.ask === 'register-accountant') {
    const { planEntry, register } = await import('./contracts/accountant.ts')
    return question.ask === 'plan-accountant' ? planEntry(question) : register(question, tell)
  }
  const { deploy, plan } = await import('./contracts/deploy.ts')
  return question.ask === 'plan' ? plan(question) : deploy(question, tell)
}

// Ctrl-C at a terminal reaches us too; who asked decides, and then ends us.
process.on('SIGINT', () => {})
const lines = createInterface({ input: process.stdin })
const [text] = (await once(lines, 'line')) as [string]
const gone = (): never => process.exit(1)
lines.once('close', gone)
process.stdout.on('error', gone)
try {
  say({ answer: await answer(text) })
} catch (error) {
  if (!(error instanceof Fault)) throw error
  const { code, facts } = error
  say({ error: { code, facts } })
  process.exitCode = exitCodeOf(error)
}
lines.off('close', gone)
lines.close()
process.stdin.destroy()
