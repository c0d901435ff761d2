/** Coordinator and stage share messages only and never load each other: a thin client, for one, contains no stage. */
import { expect, test } from 'vitest'
import { loadedBy } from './loading.ts'
import { source } from './repository.ts'

const sides = ['coordinator', 'stage'].map((side) => `packages/session/src/${side}/`)
const filesOf = (side: string): string[] =>
  source.filter((file) => !file.test && file.path.startsWith(side)).map((file) => file.path)

test.each([sides, sides.toReversed()])('%s loads nothing of %s', (side, other) => {
  const entries = filesOf(side)
  expect(entries.length).toBeGreaterThan(8)
  const loaded = loadedBy(entries, (_importer, specifier) => specifier.startsWith('.'))
  const findings = loaded
    .filter((file) => file.path.startsWith(other))
    .map((file) => `${file.path} is loaded by ${side}; put what both sides need into route/ or channels/`)
  expect(findings).toEqual([])
})
