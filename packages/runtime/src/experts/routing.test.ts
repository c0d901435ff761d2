import type { ExpertsSpec } from '@shoal/model'
import { expect, test } from 'vitest'
import { dispatchRows, gatherRows } from './dispatch.ts'
import { combine, routeRows } from './routing.ts'

const spec: ExpertsSpec = {
  kind: 'experts',
  count: 4,
  activeCount: 2,
  size: 16,
  normalised: true,
  sharedSize: null,
}
const log = Math.log

test('each row goes to the experts of its largest logits, in the order of their numbers, with weights that sum to one', () => {
  const { experts, weights, gates } = routeRows(
    spec,
    Float32Array.of(log(6), 0, 0.1, log(2), -1, -2, log(3), 0),
    2,
  )
  expect([...experts]).toEqual([0, 3, 2, 3])
  expect([...weights]).toEqual([0.75, 0.25, 0.75, 0.25])
  expect(gates).toBeNull()
})

test('weights that are not normalised are those of the softmax over all experts', () => {
  const { weights } = routeRows({ ...spec, normalised: false }, Float32Array.of(0, 0, 0, 0), 1)
  expect([...weights]).toEqual([0.25, 0.25])
})

test('of experts with equal logits the first ones are chosen', () => {
  expect([...routeRows(spec, Float32Array.of(1, 2, 2, 2), 1).experts]).toEqual([1, 2])
})

test('the last column of a router with a shared expert is the logit of its gate', () => {
  const { experts, gates } = routeRows(
    { ...spec, sharedSize: 8 },
    Float32Array.of(0, 1, 2, 3, 0, 3, 2, 1, 0, log(3)),
    2,
  )
  expect([...experts]).toEqual([2, 3, 0, 1])
  expect([...(gates ?? [])]).toEqual([0.5, 0.75])
})

test('outputs are weighted and added, the shared expert last, and rounded once', () => {
  const output = combine(Float32Array.of(0.5, 0.25), [Float32Array.of(2, 4), Float32Array.of(8, -4)], {
    gate: 0.5,
    output: Float32Array.of(1, 1),
  })
  expect([...output]).toEqual([3.5, 1.5])
  // In float32, 1 + 2 ** -24 is 1, twice.
  const small = Float32Array.of(2 ** -24)
  expect([...combine(Float32Array.of(1, 1, 1), [Float32Array.of(1), small, small], null)]).toEqual([
    1 + 2 ** -23,
  ])
})

test('rows are sorted by expert, and each expert has padding of its own', () => {
  const routing = { experts: Int32Array.of(0, 3, 2, 3, 0, 3), weights: new Float32Array(6), gates: null }
  expect(dispatchRows(routing, 2, { start: 0, end: 4 }, 'even')).toEqual({
    counts: [2, 0, 2, 4],
    rows: Int32Array.of(0, 2, 1, 1, 0, 1, 2, 2),
    places: Int32Array.of(0, 4, 2, 5, 1, 6),
  })
  const part = dispatchRows(routing, 2, { start: 1, end: 3 }, 'none')
  expect(part).toEqual({
    counts: [0, 1],
    rows: Int32Array.of(1),
    places: Int32Array.of(-1, -1, 0, -1, -1, -1),
  })
  expect([...gatherRows(Float32Array.of(1, 2, 3, 4, 5, 6), Int32Array.of(2, 0), 2)]).toEqual([5, 6, 1, 2])
})

const grouped = { scores: 'sigmoid', groups: 2, activeGroups: 1, scale: 2, corrected: true } as const
test('of the best group by the sum of its two best corrected scores, experts are weighted without the correction', () => {
  // Scores of a half, three quarters, a half and nine tenths; the correction makes the first group the better one.
  const logits = Float32Array.of(0, log(3), 0, log(9), 0.5, 0.25, 0, 0)
  const { experts, weights } = routeRows({ ...spec, normalised: false, grouped }, logits, 1)
  expect([...experts]).toEqual([0, 1])
  expect([...weights]).toEqual([1, 1.5])
  const normalised = routeRows({ ...spec, grouped }, logits, 1).weights
  expect([...normalised].map((weight) => weight.toFixed(6))).toEqual(['0.800000', '1.200000'])
})

test('with a softmax the best expert decides which group is chosen', () => {
  const own = { ...grouped, scores: 'softmax', corrected: false, scale: 1 } as const
  const { experts, weights } = routeRows(
    { ...spec, activeCount: 1, normalised: false, grouped: own },
    Float32Array.of(log(2), log(2), log(3), log(1)),
    1,
  )
  expect([...experts]).toEqual([2])
  expect(weights[0]).toBeCloseTo(3 / 8, 6)
})

test('a shared expert without a gate counts whole, and has no column', () => {
  const { gates } = routeRows({ ...spec, sharedSize: 8, sharedUngated: true }, Float32Array.of(0, 1, 2, 3), 1)
  expect([...(gates ?? [])]).toEqual([1])
})
