import * as fc from 'fast-check'
import type { BlockRange } from '@shoal/model'
import type { Member } from '@shoal/membership'
import { describe, expect, it } from 'vitest'
import { blocksOf, decide, type Situation } from './decide.ts'
import { countKeepers } from './planned-keepers.ts'

const base: Situation = {
  held: { start: 0, end: 2 },
  wanted: { start: 2, end: 4 },
  othersHolding: [1, 1, 0, 0],
  othersKeeping: [1, 1, 0, 0],
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
    [
      'never takes the last holder from a block',
      { othersHolding: [1, 0, 0, 0], othersKeeping: [1, 0, 0, 0] },
      'stay',
    ],
    ['does not count on a holder that is to give the block up too', { othersKeeping: [1, 0, 0, 0] }, 'stay'],
    [
      'gives up only what it need not keep',
      { wanted: { start: 1, end: 4 }, othersKeeping: [1, 0, 0, 0] },
      'move',
    ],
    [
      'does not let go of a block that nobody else keeps, even for a moment, while every block is served',
      {
        wanted: { start: 1, end: 4 },
        othersHolding: [1, 1, 1, 1],
        othersKeeping: [1, 0, 0, 0],
        memoryBytes: 9,
      },
      'stay',
    ],
    [
      'lets go for a moment of a block that it takes again, when nothing can be answered anyway',
      { wanted: { start: 1, end: 4 }, othersKeeping: [1, 0, 0, 0], memoryBytes: 9 },
      'swap',
    ],
    [
      'does not let go of a block that it does not take again and nobody else keeps',
      { wanted: { start: 1, end: 4 }, othersKeeping: [0, 1, 0, 0], memoryBytes: 9 },
      'stay',
    ],
    [
      'forms a group beside what it holds',
      { wanted: { start: 0, end: 2, group: { ranks: ['b'], speeds: [16, 16] } } },
      'move',
    ],
    [
      'holds the same blocks alone when the group is over',
      { held: { start: 0, end: 2, group: { ranks: ['b'], speeds: [16, 16] } }, wanted: { start: 0, end: 2 } },
      'move',
    ],
    [
      'never lets go for a group, whoever keeps what it holds',
      { wanted: { start: 0, end: 2, group: { ranks: ['b'], speeds: [16, 16] } }, memoryBytes: 9 },
      'stay',
    ],
    ['waits for the window', { othersHolding: [1, 1, 1, 1], lastMoveMs: 0 }, 'stay'],
    [
      'does not let a rank that leaves wait for the window',
      {
        held: { start: 0, end: 2, group: { ranks: ['b'], speeds: [16, 16] } },
        wanted: { start: 0, end: 2 },
        othersHolding: [1, 1, 1, 1],
        lastMoveMs: 0,
        rankLeaves: true,
      },
      'move',
    ],
    ['does not wait when a block is uncovered', { lastMoveMs: 0 }, 'move'],
    ['moves again after the window', { othersHolding: [1, 1, 1, 1], lastMoveMs: 0, nowMs: 30_000 }, 'move'],
  ] as const)('%s', (_name, change, action) => {
    expect(decide({ ...base, ...change }).action).toBe(action)
  })

  it('swaps urgently when a block has no holder, also one that it is not to load itself', () => {
    const swap = { memoryBytes: 9, lastMoveMs: 0, othersKeeping: [1, 1, 1, 1] }
    expect(decide({ ...base, ...swap, othersHolding: [1, 1, 1, 1, 0] })).toMatchObject({ urgent: true })
    expect(decide({ ...base, ...swap, lastMoveMs: null, othersHolding: [1, 1, 1, 1] })).toMatchObject({
      urgent: false,
    })
  })

  it('asks again later, and never at the same instant because of rounding', () => {
    const time = fc.double({ min: 1000, max: 1e9, noNaN: true })
    const late = fc.oneof(fc.constant(0), fc.double({ min: -1e-6, max: 1e-6, noNaN: true }))
    fc.assert(
      fc.property(time, late, (lastMoveMs, lateMs) => {
        const nowMs = lastMoveMs + base.moveWindowMs + lateMs
        const decision = decide({ ...base, othersHolding: [1, 1, 1, 1], lastMoveMs, nowMs })
        if (decision.action === 'stay') expect(nowMs + decision.againAfterMs!).toBeGreaterThan(nowMs)
      }),
      { numRuns: 1000 },
    )
  })

  const blockCount = 8
  const range = fc
    .tuple(fc.nat(blockCount - 1), fc.integer({ min: 1, max: blockCount }))
    .map(([start, length]) => ({ start, end: Math.min(blockCount, start + length) }))

  it('takes the last holder from no block by a voluntary move', () => {
    const counts = fc.array(fc.nat(2), { minLength: blockCount, maxLength: blockCount })
    fc.assert(
      fc.property(range, range, counts, fc.nat(20), (held, wanted, othersKeeping, memoryBytes) => {
        const decision = decide({
          ...base,
          held,
          wanted,
          othersHolding: othersKeeping,
          othersKeeping,
          memoryBytes,
        })
        if (decision.action === 'stay') return
        // An urgent swap loads the common blocks again, and nothing can be answered before that.
        const keeps = decision.action === 'move' || decision.urgent
        const kept = new Set(keeps ? blocksOf(decision.span) : [])
        for (const block of blocksOf(held)) expect(kept.has(block) || othersKeeping[block]! > 0).toBe(true)
      }),
    )
  })

  it('takes the last holder from no block when all nodes move at once, on one snapshot and any plan', () => {
    const node = fc.record({ held: fc.option(range), wanted: fc.option(range), roomy: fc.boolean() })
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 6 }), (nodes) => {
        const members = nodes.map(({ held }, index) => memberOf(`p${index}`, held))
        const placements = nodes.flatMap(({ wanted }, index) =>
          wanted === null ? [] : [{ peer: `p${index}`, ...wanted }],
        )
        const holders = (spans: readonly (BlockRange | null)[]): Set<number> =>
          new Set(spans.flatMap((span) => (span === null ? [] : blocksOf(span))))
        const after = nodes.map(({ held, wanted, roomy }, index) => {
          const othersHolding = Array.from(
            { length: blockCount },
            (_, block) =>
              nodes.filter(
                (other, at) =>
                  at !== index && other.held !== null && other.held.start <= block && block < other.held.end,
              ).length,
          )
          const decision = decide({
            ...base,
            held,
            wanted,
            othersHolding,
            othersKeeping: countKeepers(members, placements, `p${index}`, blockCount),
            memoryBytes: roomy ? 10 : 9,
          })
          if (decision.action === 'stay') return held
          // During a swap the node holds nothing, which matters only while every block has a holder.
          return decision.action === 'move' || decision.urgent ? decision.span : null
        })
        const [before, now] = [holders(nodes.map(({ held }) => held)), holders(after)]
        for (const block of before) expect(now.has(block)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

function memberOf(peerId: string, span: BlockRange | null): Member {
  const hardware = {
    memoryBytes: 1,
    decodeMicrosPerBlock: 1,
    prefillMicrosPerRowBlock: 1,
    bandwidthBytesPerSecond: 0,
    device: 'cpu',
    threads: 1,
  }
  return {
    record: {
      peerId,
      incarnation: 1,
      seq: 1,
      state: 'serving',
      span,
      hardware,
      numericClass: 'none',
      addresses: [],
      version: '',
      links: {},
    },
    liveness: 'alive',
    load: null,
  }
}
