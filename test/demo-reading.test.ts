import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, root } from './harness.ts'

interface Question {
  readonly question: string
  readonly answer: string
}

const read = (name: string): Question[] =>
  readFileSync(join(root, 'packages', 'demo-model', 'eval', name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Question)

/** Numbers of right answers in the model's README, which an independent numpy forward pass computed. */
const measured = {
  f32: { reading: 165, facts: 50 },
  'int4:32': { reading: 164, facts: 50 },
} as const

describe.each(Object.entries(measured))('the demo model in %s', (weights, expected) => {
  const world = createWorld()
  let engine: Engine

  beforeAll(async () => {
    engine = await openLocalEngine(
      { clock: systemClock, random: systemRandom, logger: silentLogger },
      { model: 'demo', weights, dataFolder: world.folder('data'), threads: 1 },
    )
  })
  afterAll(async () => {
    await engine.close()
    await world.close()
  })

  const answer = async (question: string): Promise<string> => {
    const tokenizer = engine.tokenizer!
    const promptIds = await tokenizer.encode(
      await tokenizer.renderChat([{ role: 'user', content: question }]),
      {
        addSpecialTokens: false,
      },
    )
    let text = ''
    for await (const event of engine.generate({
      promptIds,
      maxTokens: 64,
      sampling: { ...engine.defaultSampling, temperature: 0 },
    }))
      text += event.text
    return text
  }
  const rightOf = async (questions: readonly Question[]): Promise<number> => {
    let right = 0
    for (const { question, answer: wanted } of questions) if ((await answer(question)) === wanted) right += 1
    return right
  }

  it('answers as many reading questions as its README says', async () => {
    // Another order of summation may decide a near tie differently.
    const right = await rightOf(read('reading_questions.jsonl'))
    expect(Math.abs(right - expected.reading), `${right} right`).toBeLessThanOrEqual(4)
  })

  it('answers the questions about its facts', async () => {
    expect(await rightOf(read('facts.jsonl'))).toBe(expected.facts)
  })
})
