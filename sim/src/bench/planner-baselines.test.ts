import { describe, expect, it } from 'vitest'
import { baselines } from './planner-baselines.ts'
import { tokenMicros } from './planner.ts'
import type { ClusterView } from './planner-view.ts'

/** Memory as large as what fits; 1 ms from each to each. */
function viewOf(candidates: readonly (readonly [capacity: number, blockMicros: number])[]): ClusterView {
  return {
    stageMicros: 300,
    candidates: candidates.map(([capacity, blockMicros]) => ({
      capacity,
      blockMicros,
      memoryBytes: capacity * 1000,
    })),
    hops: candidates.map((_, from) => candidates.map((__, to) => (from === to ? 0 : 1000))),
  }
}

describe('rules of other systems', () => {
  const three = viewOf([
    [6, 1000],
    [2, 500],
    [4, 2000],
  ])

  it.each([
    ['proportionalToMemory', { order: [0, 2], blocks: [5, 3] }],
    // 8 · (2/7, 4/7, 1/7), the second capped at 2: its deficit goes to the largest unmet shares.
    ['proportionalToSpeed', { order: [0, 1, 2], blocks: [4, 2, 2] }],
    ['equal', { order: [0, 1], blocks: [4, 4] }],
    ['waterFilling', { order: [0, 2], blocks: [5, 3] }],
  ])('%s', (name, cut) => {
    // An equal share of four blocks does not fit the second node.
    expect(baselines[name]!(three, 8)).toEqual(name === 'equal' ? undefined : cut)
  })

  it('min-hole covers the worst hole first, and its client takes the quickest way', () => {
    expect(baselines['minHole']!(three, 8)).toEqual({ order: [0, 1], blocks: [6, 2] })
  })

  it.each(Object.keys(baselines))('%s gives a lone node that holds all of it the whole model', (name) => {
    expect(baselines[name]!(viewOf([[8, 700]]), 8)).toEqual({ order: [0], blocks: [8] })
    expect(tokenMicros(viewOf([[8, 700]]), { order: [0], blocks: [8] })).toBe(5900)
  })

  it('adds up all stages and the ring of hops', () => {
    expect(tokenMicros(three, { order: [0, 1], blocks: [6, 2] })).toBe(
      6 * 1000 + 2 * 500 + 2 * 300 + 2 * 1000,
    )
  })
})
