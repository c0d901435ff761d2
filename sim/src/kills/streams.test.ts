import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runStreams, smallStreamShape } from './streams.ts'

/** The test takes some seconds, and minutes on a machine with two cores that starts processes for other tests too. */
const timeoutMs = 240_000

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-streams-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test(
  'replacing stages by others with another cut, thread count and chunk size changes no token, greedy or seeded',
  async () => {
    const tokens = 100
    const reports = await runStreams(folder, 'int4:32', smallStreamShape, tokens, () => undefined)
    expect(reports.map(({ sampling }) => sampling)).toEqual(['greedy', 'seeded'])
    for (const report of reports) {
      expect(report).toMatchObject({ tokens, firstDifference: null, continuity: 'identical' })
      expect(report.failovers).toBeGreaterThanOrEqual(2)
      // A stream that repeats few tokens would prove little.
      expect(report.distinctTokens).toBeGreaterThan(20)
    }
  },
  timeoutMs,
)
