/**
 * Shrinks a story that breaks a rule: leaves out whatever it breaks without, and says what is left. The same story and the
 * same rule come to the same end.
 *
 * @module
 */

import type { FaultPlan, Story } from './story.ts'

/** Each is a world; a story has some twenty parts. */
export const maxTries = 400

/**
 * @param breaks whether this story breaks the same rule.
 * @returns a story of which no single part can be left out, or what `maxTries` came to.
 */
export async function shrink(
  story: Story,
  breaks: (smaller: Story) => Promise<boolean>,
  say: (line: string) => void,
): Promise<Story> {
  let least = story
  let tries = 0
  for (let done = false; !done; ) {
    done = true
    for (const { what, smaller } of partsOf(least)) {
      if (tries === maxTries) break
      tries += 1
      if (!(await breaks(smaller))) continue
      say(`broken all the same, ${what}`)
      least = smaller
      done = false
      break
    }
  }
  say(`${tries} worlds were played`)
  return least
}

interface Part {
  readonly what: string
  readonly smaller: Story
}

/** What may be left out next: much at a time first. */
function* partsOf(story: Story): Iterable<Part> {
  const { lengthMs, consumers, providers, faults } = story
  for (const part of [2, 4]) {
    const shorter = Math.floor(lengthMs - lengthMs / part)
    if (faults.every((fault) => endOf(fault) < shorter)) {
      yield { what: `with ${shorter} ms`, smaller: { ...story, lengthMs: shorter } }
    }
  }
  for (const [index, fault] of faults.entries()) {
    yield { what: `without ${fault.kind} at ${fault.atMs}`, smaller: { ...story, faults: without(faults, index) } }
  }
  for (const [index, one] of consumers.entries()) {
    if (one.absent || consumers.filter(({ absent }) => !absent).length === 1) continue
    const fewer = consumers.with(index, { ...one, absent: true })
    yield { what: `without consumer-${20 + index}`, smaller: { ...story, consumers: fewer } }
  }
  for (const [index, one] of providers.entries()) {
    if (one.absent || providers.filter(({ absent }) => !absent).length === 1) continue
    const fewer = providers.with(index, { ...one, absent: true })
    yield { what: `without provider-${1 + index}`, smaller: { ...story, providers: fewer } }
  }
  for (const [index, one] of consumers.entries()) {
    if (one.absent || one.parallel === 1) continue
    const calmer = consumers.with(index, { ...one, parallel: 1 })
    yield { what: `with one session at a time for consumer-${20 + index}`, smaller: { ...story, consumers: calmer } }
  }
}

const endOf = (fault: FaultPlan): number => fault.atMs + ('forMs' in fault ? fault.forMs : 0)

const without = <T>(list: readonly T[], index: number): T[] => list.filter((_, at) => at !== index)

/** For people: who is left, and what goes wrong when. */
export function storyLines({ lengthMs, lie, favours, providers, consumers, faults }: Story): string[] {
  const cheats = (cheat: string | undefined) => (cheat === undefined ? '' : `, ${cheat}`)
  return [
    `${lengthMs} ms`,
    ...(lie === undefined ? [] : [`accountant, ${lie}${favours === undefined ? '' : `, for ${favours}`}`]),
    ...providers.flatMap(({ absent, cheat }, index) => (absent ? [] : [`provider-${1 + index}${cheats(cheat)}`])),
    ...consumers.flatMap(({ absent, cheat, parallel, exits }, index) =>
      absent
        ? []
        : [
            `consumer-${20 + index}${cheats(cheat)}${exits ? ', exits' : ''}${parallel > 1 ? `, ${parallel} at once` : ''}`,
          ],
    ),
    ...faults.map(({ kind, atMs, ...more }) => `${kind} at ${atMs} ${JSON.stringify(more, numbers)}`),
  ]
}

const numbers = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)
