import { expect, test } from 'vitest'
import { createClassRecord } from './numeric-continuity.ts'
import type { OpenStage } from './opening/opening-stages.ts'

const stage = ([peer, numericClass]: readonly [string, string]): OpenStage =>
  ({
    stage: { peer, addresses: [], range: { start: 0, end: 2 }, incarnation: 1, predictedStepMs: () => 1 },
    numericClass,
    ranks: 1,
  }) as unknown as OpenStage

test.each([
  ['a peer that goes on', ['a', 'one'], ['a', 'one'], 'identical'],
  ['another peer of the same class', ['a', 'one'], ['b', 'one'], 'identical'],
  ['another peer of another class', ['a', 'one'], ['b', 'two'], 'continued'],
  ['a leader whose group is lost goes on alone', ['a', 'of a group'], ['a', 'one'], 'continued'],
  ['a peer of no class goes on', ['a', 'none'], ['a', 'none'], 'identical'],
  ['another peer of no class', ['a', 'none'], ['b', 'none'], 'continued'],
] as const)('%s', (_, before, after, continuity) => {
  const record = createClassRecord()
  record.add([stage(before)])
  record.add([stage(after)])
  expect(record.continuity).toBe(continuity)
  expect(record.byBlock.get(1)).toBe(after[1])
})
