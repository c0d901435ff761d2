import { describe, expect, test } from 'vitest'
import type { ModelCosts } from '../costs/costs.ts'
import { plan } from '../plan.ts'
import { sketchCosts, sketchSnapshot, type MemberSketch } from '../testing/sketches.ts'
import type { SharesOf } from './grouping.ts'

describe('of a model with experts', () => {
  const dense: ModelCosts = { ...sketchCosts(4), rowBytes: 8192 }
  const costs: ModelCosts = { ...dense, cacheBytesPerTokenPerBlock: 100, activeExperts: 2 }
  /** Nine tenths of each block are experts. */
  const expertShares: SharesOf = (speeds) => {
    const total = speeds.reduce((sum, speed) => sum + speed, 0)
    return speeds.map((speed) => 100 + Math.ceil((900 * speed) / total))
  }
  const names = ['a', 'b', 'c', 'd']
  const peers = names.map((name): MemberSketch => ({
    name,
    fits: 20,
    blockMicros: 9000,
    bytesPerSecond: 125_000_000,
    machine: `machine of ${name}`,
    links: Object.fromEntries(names.filter((other) => other !== name).map((other) => [other, 100])),
  }))
  /** Each has room for two thirds of a block and its cache. */
  const small = (list: readonly MemberSketch[]) => {
    const snapshot = sketchSnapshot(costs, list)
    const usable = (2 * (costs.blockBytes + costs.contextLength * costs.cacheBytesPerTokenPerBlock)) / 3
    const memoryBytes = Math.ceil((usable + costs.contextLength * costs.rowBytes) / 0.8)
    const members = snapshot.members.map((member) => ({
      ...member,
      hardware: { ...member.hardware, memoryBytes },
    }))
    return { ...snapshot, members, contextTokens: costs.contextLength }
  }

  test('no peer holds a block, so a group of those that are needed is planned', () => {
    const oneBlock = { ...costs, blockCount: 1 }
    const snapshot = { ...small(peers), costs: oneBlock }
    expect(plan(snapshot, { objective: 'latency' }).uncovered).toEqual([{ start: 0, end: 1 }])
    const { placements, uncovered } = plan(snapshot, { objective: 'latency', shares: expertShares })
    expect(uncovered).toEqual([])
    expect(placements.flatMap(({ group }) => group?.ranks ?? []).length).toBeGreaterThan(0)
  })

  test('measurements that jitter do not change the group, which is as small as memory allows, and shares go by memory', () => {
    const snapshot = { ...small(peers), costs: { ...costs, blockCount: 1 } }
    const jittered = (seed: number) => ({
      ...snapshot,
      members: snapshot.members.map((member, index) => ({
        ...member,
        links: Object.fromEntries(
          Object.keys(member.links).map((peer, other) => [
            peer,
            60 + ((seed * 977 + index * 331 + other * 613) % 3900),
          ]),
        ),
        hardware: {
          ...member.hardware,
          memoryBytes: member.hardware.memoryBytes + (index === 3 ? 200_000 : 0),
          decodeMicrosPerBlock: 5000 + ((seed * 7919 + index * 104_729) % 14_000),
        },
      })),
    })
    const groupsOf = (seed: number): string =>
      JSON.stringify(
        plan(jittered(seed), { objective: 'latency', shares: expertShares }).placements.flatMap(
          ({ peer, group }) => (group === undefined ? [] : { peer, ...group }),
        ),
      )
    const found = new Set(Array.from({ length: 20 }, (_, seed) => groupsOf(seed)))
    expect([...found].map((one) => JSON.parse(one) as unknown)).toEqual([
      [{ peer: 'c', ranks: ['d'], speeds: [13, 16] }],
    ])
  })

  test('groups are not formed for speed, as every rank computes all but the experts', () => {
    const groupsOf = (of: ModelCosts): readonly unknown[] =>
      plan(sketchSnapshot(of, peers), { objective: 'latency', shares: expertShares }).placements.flatMap(
        ({ group }) => group ?? [],
      )
    expect(groupsOf(costs)).toEqual([])
    expect(groupsOf(dense)).not.toEqual([])
  })
})
