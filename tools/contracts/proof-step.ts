/**
 * One step of a proof by itself: proof and books as one contract, without the functions that the step never reaches.
 *
 * The checker's engine `bmc` takes every function of every contract for a beginning, those that only other functions call
 * too, and the books a second time by themselves: a minute for all that the accountant's books do, before any question.
 * Most steps reach a tenth of it. What is missing doesn't compile, so nothing can be left out that counts.
 *
 * @module
 */

import { dirname, join, relative } from 'node:path'

/** A function or a modifier as `forge fmt` lays it out, with its comment; or the constructor. */
const functions =
  /(?: {4}\/\/\/.*\n)*^ {4}(?:(?:function|modifier) (\w+)|(constructor))\((?:[^{;]*;|[^{}]*\{\}|[\s\S]*?\n {4}\})\n/gm
const inheritance = /^import \{(\w+)\} from "([^"]+)";\n/m
const head = /^(?:abstract )?contract \w+ is (\w+) \{\n/m

/** The steps of a proof: the functions that anybody may call, and what the constructor leaves. */
export function stepsOf(proof: string): readonly string[] {
  const all = [...proof.matchAll(functions)]
  return all.filter(([whole, , built]) => built !== undefined || /\bexternal\b/.test(whole)).map(nameOf)
}

/**
 * The proof inherits one contract, the books, and those one interface.
 *
 * @returns the sources in which `file` is the proof of `step` only.
 */
export function keepStep(file: string, step: string, read: (path: string) => string): Record<string, string> {
  const proof = read(file)
  const booksPath = importOf(file, proof)
  const books = read(booksPath)
  const interfacePath = importOf(booksPath, books)
  const others = stepsOf(proof).filter((name) => name !== step)
  const [whole, sources] = [merge(proof, books, relative(dirname(file), interfacePath)), read(interfacePath)]
  const kept = reached(`${whole}\n${sources}`, step, new Set(others))
  const keep = (source: string) => source.replaceAll(functions, (...all) => (kept.has(nameOf(all)) ? all[0] : ''))
  return { [file]: keep(whole), [interfacePath]: keep(sources) }
}

/** What the books leave to whoever inherits them, they declare without a body: here the body is there. */
function merge(proof: string, books: string, interfacePath: string): string {
  const [opening = '', name = ''] = head.exec(books) ?? []
  const body = books.slice(books.indexOf(opening) + opening.length)
  return proof
    .replace(inheritance, `import {${name}} from "${interfacePath}";\n`)
    .replace(head, (line, base: string) => line.replace(`is ${base}`, `is ${name}`))
    .replaceAll(' override', '')
    .replace(/\}\n$/, () => body.replaceAll(/(?: {4}\/\/\/.*\n)* {4}function [^{;]* virtual;\n/g, ''))
}

function reached(source: string, step: string, others: ReadonlySet<string>): ReadonlySet<string> {
  const all = [...source.matchAll(functions)]
  const kept = new Set<string>()
  const reach = (text: string): void => {
    for (const [, name = ''] of text.matchAll(/\b(\w+)\(/g)) if (!others.has(name)) keep(name)
  }
  const keep = (name: string): void => {
    if (kept.has(name)) return
    kept.add(name)
    for (const match of all) if (nameOf(match) === name) reach(match[0])
  }
  reach(source.replaceAll(functions, ''))
  keep(step)
  return kept
}

function importOf(path: string, source: string): string {
  const to = inheritance.exec(source)?.[2]
  if (to === undefined) throw new Error(`${path} inherits nothing`)
  return join(dirname(path), to)
}

const nameOf = ([, name, built]: readonly (string | undefined)[]) => name ?? built ?? ''
