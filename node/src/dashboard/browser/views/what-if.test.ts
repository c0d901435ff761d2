import { expect, test } from 'vitest'
import { outlookText } from './what-if.ts'

const outlook = (tokensPerSecond: number) => ({
  placements: [],
  uncovered: [],
  prediction: { tokensPerSecond, ttftMs: 512.3, promptTokens: 256, togetherTokensPerSecond: 40.4 },
})
const nothing = { placements: [], uncovered: [[2, 4] as const], prediction: null }

test('the outlook compares with the present, and names the blocks that nobody could hold', () => {
  expect(outlookText(outlook(4.25), outlook(12.6))).toMatch(
    /^13 tokens\/s for one answer \(now 4\.3\), 40 for many together; the first token of a prompt of 256 after 512 ms\./,
  )
  expect(outlookText(nothing, outlook(1))).toMatch(/^1\.0 tokens\/s for one answer \(now it cannot answer\)/)
  expect(outlookText(outlook(1), nothing)).toBe('nobody would have memory for blocks 2–3: no answers.')
})
