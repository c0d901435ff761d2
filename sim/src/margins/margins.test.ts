import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { goldenModels } from '../processes/golden.ts'
import { margins, measureMargins, outsideMargins } from './margins.ts'

const data = process.env['SHOAL_TEST_DATA'] ?? join(import.meta.dirname, '../../../../shared/data')
const models = goldenModels(resolve(data, '..'))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-margins-'))
})
afterAll(() => rm(folder, { recursive: true }))

// `npm run chaos -- margins` measures all of them.
test.for(['gemma2', 'deepseek_v3'])(
  '%s in int8:32 and in the default format is within the margins',
  async (name, { skip }) => {
    skip(
      !existsSync(join(data, '../golden', name)),
      `no golden model ${name}; SHOAL_TEST_DATA names the test data`,
    )
    const model = models.find((one) => one.name === name)!
    const found = await measureMargins({ ...model, cases: model.cases.slice(0, 2) }, folder)
    expect(found.map(({ weights }) => weights)).toEqual(margins.map(({ weights }) => weights))
    expect(outsideMargins(name, found)).toEqual([])
    // A format that is not applied would be within every margin.
    for (const { error } of found) expect(error).toBeGreaterThan(0.001)
  },
)

test('what is outside of a margin is said in a sentence, also where the error is no number', () => {
  const [margin] = margins
  const found = { ...margin!, kl: 0, agreement: 1 }
  expect(outsideMargins('m', [{ ...found, error: margin!.errorMax }])).toEqual([])
  expect(
    outsideMargins('m', [
      { ...found, error: 0.2 },
      { ...found, error: Number.NaN },
    ]),
  ).toEqual([
    'the logits of m with int8:32 have an error of 0.200 of their size, more than 0.06',
    'the logits of m with int8:32 have an error of NaN of their size, more than 0.06',
  ])
})
