import { expect, test } from 'vitest'
import { compare } from './play.ts'
import { edited, worst } from './texts.ts'

/** A quarter of a 1B model and its head, nearly as they were measured. */
const times = {
  stageMs: (rows: number): number => 12 + 1.5 * (rows - 1),
  headMs: (rows: number): number => 13 + 1.5 * (rows - 1),
}

test('over far links, an edited file comes at least 5 times faster with drafts', async () => {
  const { ratio, drafted } = await compare(times, 40, await edited())
  expect(ratio).toBeGreaterThan(5)
  expect(drafted.accepted).toBeGreaterThan(400)
})

test('where every draft is wrong, an answer takes at most 3 % longer', async () => {
  const { ratio, drafted } = await compare(times, 40, worst(1).at(-1)!)
  expect(drafted).toMatchObject({ accepted: 0 })
  expect(drafted.drafted).toBeGreaterThan(0)
  expect(ratio).toBeGreaterThanOrEqual(0.97)
})
