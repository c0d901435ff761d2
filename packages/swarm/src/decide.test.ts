import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blocksOf, decide, type Situation } from './decide.ts'

const base: Situation = {
  held: { start: 0, end: 2 },
  wanted: { start: 2, end: 4 },
  othersHolding: [1, 1, 0, 0],
  bothBytes: 10,
  memoryBytes: 10,
  nowMs: 1000,
  lastMoveMs: null,
  moveWindowMs: 30_000,
}

describe('when a node changes what it holds', () => {
  it.each([
    ['loads a first span', { held: null }, 'move'],
    ['stays without a plan', { wanted: null }, 'stay'],
    ['stays where it is', { wanted: { start: 0, end: 2 } }, 'stay'],
    ['makes before it breaks', {}, 'move'],
    ['swaps when both do not fit', { memoryBytes: 9 }, 'swap'],
    ['never leaves a block alone', { othersHolding: [1, 0, 0, 0] }, 'stay'],
    ['waits for the window', { othersHolding: [1, 1, 1, 1], lastMoveMs: 0 }, 'stay'],
    ['does not wait when a block is uncovered', { lastMoveMs: 0 }, 'move'],
    ['moves again after the window', { othersHolding: [1, 1, 1, 1], lastMoveMs: 0, nowMs: 30_000 }, 'move'],
  ] as const)('%s', (_name, change, action) => {
    expect(decide({ ...base, ...change }).action).toBe(action)
  })

  it('no voluntary move uncovers a block', () => {
    const range = fc.tuple(fc.nat(7), fc.integer({ min: 1, max: 8 })).map(([start, length]) => ({ start, end: Math.min(8, start + length) }))
    fc.assert(
      fc.property(range, range, fc.array(fc.nat(2), { minLength: 8, maxLength: 8 }), fc.nat(20), (held, wanted, othersHolding, memoryBytes) => {
        const decision = decide({ ...base, held, wanted, othersHolding, memoryBytes })
        if (decision.action === 'stay') return
        const kept = new Set(blocksOf(decision.span))
        for (const block of blocksOf(held)) expect(kept.has(block) || othersHolding[block]! > 0).toBe(true)
      }),
    )
  })
})
