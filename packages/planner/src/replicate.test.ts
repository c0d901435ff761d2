import { expect, test } from 'vitest'
import { countHolders, heldSpans } from './coverage.ts'
import { createCluster } from './cluster.ts'
import { sketchCosts, sketchSnapshot } from './fixtures.ts'
import { plan } from './plan.ts'
import { spreadCopies } from './replicate.ts'

const costs = sketchCosts(8)
const spansOf = (spans: readonly (readonly [number, number])[], fits = 5) =>
  sketchSnapshot(costs, spans.map((span, index) => ({ name: `n${index}`, fits, span, blockMicros: 1000 + index })))

test('nodes that joined one by one, and took the same blocks, spread once all are here', () => {
  const snapshot = spansOf([[0, 5], [0, 5], [0, 5], [0, 5], [5, 8]])
  const { placements, uncovered } = plan(snapshot, costs, { objective: 'latency' })
  expect(uncovered).toEqual([])
  const counts = Array.from({ length: 8 }, (_, block) => placements.filter(({ start, end }) => start <= block && block < end).length)
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(2)
})

test.each([
  { name: 'the slowest of four moves', spans: [[0, 5], [0, 5], [0, 5], [0, 5], [5, 8]] as const, counts: [3, 3, 3, 4, 4, 2, 2, 2] },
  { name: 'nobody whose blocks would be left with one holder', spans: [[0, 5], [0, 5], [5, 8]] as const, counts: [2, 2, 2, 2, 2, 1, 1, 1] },
  { name: 'nobody when each block has two', spans: [[0, 4], [0, 4], [0, 4], [4, 8], [4, 8]] as const, counts: [3, 3, 3, 3, 2, 2, 2, 2] },
])('$name', ({ spans, counts }) => {
  const cluster = createCluster(spansOf(spans), costs, costs.contextLength)
  expect(countHolders(spreadCopies(cluster, heldSpans(cluster)), 8)).toEqual(counts)
})
