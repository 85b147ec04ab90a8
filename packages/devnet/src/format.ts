/**
 * The story's outcome, for programs and for people.
 *
 * @module
 */

import { formatMyst } from '@myst/protocol'
import type { ConsumerBook, ProviderBook } from './books.ts'
import type { Story } from './story.ts'

interface Measured {
  readonly seconds: number
  readonly peakMiB: number
}

export function formatStory(story: Story, { seconds, peakMiB }: Measured): { json: object; text: string } {
  const { books, failures } = story
  const { alice, erin } = books.consumers
  const { bob, dan } = books.providers
  const consumer = ({ toppedUp, spent, left }: ConsumerBook) => ({
    toppedUp: String(toppedUp),
    spent: String(spent),
    left: String(left),
  })
  const provider = ({ credited, settled }: ProviderBook) => ({ credited: String(credited), settled: String(settled) })
  const json = {
    bytes: story.bytes,
    promises: books.promises,
    batches: books.batches,
    drivers: story.drivers,
    skipped: story.skipped,
    alice: consumer(alice),
    erin: consumer(erin),
    bob: provider(bob),
    dan: provider(dan),
    accountantFees: String(books.accountantFees),
    transactorFees: String(books.transactorFees),
    registrationFees: String(books.registrationFees),
    inFlight: String(books.inFlight),
    balanced: books.imbalances.length === 0,
    seconds,
    peakMiB,
    ...(failures.length === 0 ? {} : { failures }),
  }
  const text = [
    `Alice spent ${formatMyst(alice.spent)} MYST, Erin ${formatMyst(erin.spent)}: ${formatMyst(books.spent)} in ${books.promises} promises.`,
    `Bob was credited ${formatMyst(bob.credited)}, Dan ${formatMyst(dan.credited)}, in ${books.batches} batches; the accountant kept ${formatMyst(books.accountantFees)}.`,
    `In flight: ${formatMyst(books.inFlight)}. Settled by Bob: ${formatMyst(bob.settled)}.`,
    failures.length === 0
      ? `Balanced to the wei, ${(story.bytes / 1e6).toFixed(0)} MB in ${seconds} s, ${peakMiB} MiB of memory at most.`
      : `NOT as it should be:\n${failures.map((failure) => `  - ${failure}`).join('\n')}`,
    ...story.skipped.map(({ part, why }) => `Skipped: ${part} (${why}).`),
  ].join('\n')
  return { json, text }
}
