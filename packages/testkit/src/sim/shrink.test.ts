import { expect, test } from 'vitest'
import { mistakes, type PlantedMistake } from './mistakes.ts'
import { createRandom } from './random.ts'
import { replay } from './report.ts'
import { shrink } from './shrink.ts'
import { drawStory, type Story } from './story.ts'

test('what a rule is broken without goes, and nothing else', async () => {
  const drawn = drawStory(createRandom(11), 11)
  const story: Story = {
    ...drawn,
    providers: [{}, {}],
    consumers: [drawn.consumers[0], drawn.consumers[0], drawn.consumers[0]] as Story['consumers'],
    faults: [
      { kind: 'reorg', atMs: 100, blocks: 1 },
      { kind: 'crash', atMs: 900, forMs: 100, who: 'consumer-21' },
      { kind: 'chain-away', atMs: 4_000, forMs: 100 },
    ],
    lengthMs: 40_000,
  }
  const breaks = async ({ consumers, faults }: Story) =>
    consumers[1]?.absent !== true && faults.some(({ kind }) => kind === 'crash')
  const least = await shrink(story, breaks, () => {})
  expect(least.faults.map(({ kind }) => kind)).toEqual(['crash'])
  expect(least.consumers.map(({ absent = false }) => absent)).toEqual([true, false, true])
  expect(least.providers.filter(({ absent }) => !absent)).toHaveLength(1)
  // The crash is over at 1,000 ms; half or three quarters of what is left would end before.
  expect(least.lengthMs).toBeGreaterThan(1_000)
  expect(least.lengthMs).toBeLessThan(2_000)
  expect(await shrink(story, breaks, () => {})).toEqual(least)
})

test('a planted mistake is left with a smaller world, which breaks the same rule', { timeout: 120_000 }, async () => {
  const mistake = mistakes.find(({ name }) => name === 'W4') as PlantedMistake
  const lines: string[] = []
  const shrunk = await replay(1, (line) => lines.push(line), { shrinks: true, mistake })
  const whole = await replay(1, () => {}, { mistake })
  expect(shrunk.violations[0]?.rule).toBe(whole.violations[0]?.rule)
  expect(shrunk.steps).toBeLessThan(whole.steps)
  expect(lines.some((line) => line.startsWith('broken all the same, without'))).toBe(true)
})
