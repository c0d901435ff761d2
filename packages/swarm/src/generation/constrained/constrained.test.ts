import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { randomSchema } from '@shoal/grammar/testing'
import { seededRandom, silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { ModelError, type Grammar } from '@shoal/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLocalEngine } from '../local-engine.ts'
import type { Engine, GenerateResult } from '../../types.ts'

/** `SHOAL_SCHEMAS=500 vitest run packages/swarm/src/generation/constrained` draws as many answers. */
const schemas = Number(process.env['SHOAL_SCHEMAS'] ?? 4)
const ajv = new Ajv2020({ strict: false, ownProperties: true })
addFormats.default(ajv)

const dataFolder = mkdtempSync(join(tmpdir(), 'shoal-constrained-'))
let engine: Engine
beforeAll(async () => {
  const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }
  engine = await openLocalEngine(dependencies, { model: 'demo', dataFolder, threads: 1 })
})
afterAll(async () => {
  await engine.close()
  rmSync(dataFolder, { recursive: true, force: true })
})

async function answer(grammar: Grammar, seed: number, maxTokens: number): Promise<GenerateResult> {
  const sampling = { ...engine.defaultSampling, temperature: 1.5, topK: 0, topP: 1, seed }
  const promptIds = await engine.tokenizer!.encode('Write some JSON.')
  for await (const event of engine.generate({ promptIds, maxTokens, sampling, grammar }))
    if (event.type === 'done') return event.result
  throw new Error('the answer has no end')
}

test(
  'at temperature 1.5, every finished answer is valid for its random schema',
  { timeout: 3_600_000 },
  async () => {
    let finished = 0
    let refused = 0
    for (let seed = 0; seed < schemas + refused; seed += 1) {
      const schema = randomSchema(seededRandom(seed))
      try {
        const { text, finishReason } = await answer({ kind: 'json-schema', schema }, seed, 300)
        if (finishReason === 'length') continue
        finished += 1
        const validate = ajv.compile(schema)
        if (!validate(JSON.parse(text))) expect([schema, text, validate.errors]).toEqual([])
      } catch (error) {
        // Keywords that cannot be combined are refused before the model computes.
        if (!(error instanceof ModelError)) throw error
        refused += 1
      }
    }
    expect(finished).toBeGreaterThanOrEqual(schemas / 4)
    expect(refused).toBeLessThan(schemas)
    if (schemas > 4)
      process.stderr.write(`${schemas} schemas: ${finished} finished, ${refused} others refused\n`)
  },
)

test('the same request gives the same answer, and one with a fixed form that form', async () => {
  const schema = { type: 'object', properties: { city: { enum: ['Rome', 'Oslo'] } }, required: ['city'] }
  const [first, second] = [
    await answer({ kind: 'json-schema', schema }, 3, 60),
    await answer({ kind: 'json-schema', schema }, 3, 60),
  ]
  expect(first.tokenIds).toEqual(second.tokenIds)
  expect(['Rome', 'Oslo']).toContain((JSON.parse(first.text) as { city: string }).city)
  expect((await answer({ kind: 'ebnf', text: 'root ::= [0-9]{3} "-" [0-9]{2}' }, 1, 30)).text).toMatch(
    /^\d{3}-\d\d$/,
  )
})
