/**
 * Snapshots: figures that are the same on every machine are kept beside their benchmark, so that a change shows in review.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Figures = Readonly<Record<string, number>>

const pathOf = (name: string) => join(import.meta.dirname, '..', `${name}.snapshot.json`)

export const readSnapshot = (name: string): Figures => JSON.parse(readFileSync(pathOf(name), 'utf8')) as Figures

export const writeSnapshot = (name: string, figures: Figures): void =>
  writeFileSync(pathOf(name), `${JSON.stringify(figures, undefined, 2)}\n`)
