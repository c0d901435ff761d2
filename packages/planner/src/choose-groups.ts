import type { Snapshot, SnapshotMember } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import { createCluster } from './cluster.ts'
import { decodeMicros, planningPast } from './compute.ts'
import type { ModelCosts } from './costs.ts'
import { hasRoomForBoth, mayGroup, speedsOf, type NamedGroup, type SharesOf } from './group-nodes.ts'
import { planGroups } from './groups.ts'
import { makePlan, type MadePlan, type MakeOptions } from './make-plan.ts'

/** Groups are formed when a token is faster by this: what is predicted of them is less sure than what is of single peers. */
const formPermille = 1250

/**
 * The plan with groups that is worth having, over what serves now; null when single peers do as well. Groups that serve
 * stay while they are no slower than the best of single peers, and others replace them only when they are clearly
 * faster: once a plan is adopted, it stays.
 */
export function chooseGroups(
  snapshot: Snapshot,
  apart: Snapshot,
  costs: ModelCosts,
  making: MakeOptions,
  single: MadePlan,
  shares: SharesOf,
): MadePlan | null {
  const present = createCluster(apart, costs, making.contextTokens).candidates.map(({ member }) => member)
  if (new Set(present.flatMap(({ machine }) => machine ?? [])).size < 2) return null
  const serving = servingGroups(snapshot, present, shares)
  const make = (groups: readonly NamedGroup[]): MadePlan =>
    makePlan(apart, costs, making, {
      groups,
      shares,
      served: new Map(
        [...serving].flatMap(([leader, { group, span }]) => (groups.includes(group) ? [[leader, span]] : [])),
      ),
    })

  const now = [...serving.values()].map(({ group }) => group)
  const kept = now.length === 0 ? null : make(now)
  const keptMicros = kept === null ? Number.POSITIVE_INFINITY : microsOf(kept)
  const stays = Number.isFinite(keptMicros) && keptMicros <= bestOf(single)
  const toBeat = stays ? keptMicros : bestOf(single)

  // Who has no room is not asked again: the best of the others may still be worth it.
  const cramped = new Set<string>()
  for (;;) {
    const proposed = propose(apart, costs, making, shares, serving, cramped)
    if (proposed.length === 0 || (stays && sameGroups(proposed, now))) break
    const made = make(proposed)
    if (microsOf(made) * formPermille > toBeat * 1000) break
    const without = withoutRoom(proposed, made, single, apart, costs, making, shares, serving)
    if (without.length === 0) return made
    for (const peer of without) cramped.add(peer)
  }
  return stays ? kept : null
}

interface Serving {
  readonly group: NamedGroup
  readonly span: BlockRange
}

/** Groups that serve now and whose ranks are all there, by leader. Of two that name one peer the first stands. */
function servingGroups(
  { members }: Snapshot,
  present: readonly SnapshotMember[],
  shares: SharesOf,
): ReadonlyMap<string, Serving> {
  const there = new Map(present.map((member) => [member.peerId, member]))
  const taken = new Set<string>()
  const serving = new Map<string, Serving>()
  for (const { peerId, state, span, group } of [...members].sort((a, b) => (a.peerId < b.peerId ? -1 : 1))) {
    if (group === undefined || state !== 'serving' || span === null) continue
    const names = [peerId, ...group.ranks]
    const found = names.flatMap((name) => there.get(name) ?? [])
    if (
      found.length < names.length ||
      names.some((name) => taken.has(name)) ||
      new Set(names).size < names.length
    )
      continue
    if (!mayGroup(found) || shares(group.speeds) === null) continue
    for (const name of names) taken.add(name)
    serving.set(peerId, { group: { leader: peerId, ranks: group.ranks, speeds: group.speeds }, span })
  }
  return serving
}

/** The groups of the best pipeline of groups; those that serve already, as they serve. */
function propose(
  apart: Snapshot,
  costs: ModelCosts,
  { contextTokens }: MakeOptions,
  shares: SharesOf,
  serving: ReadonlyMap<string, Serving>,
  cramped: ReadonlySet<string>,
): readonly NamedGroup[] {
  const canSplit = (speeds: readonly number[]): boolean =>
    shares(speedsOf(speeds.map((speed) => 1 / speed))) !== null
  const { grouped } = planGroups(apart, costs, {
    contextTokens,
    canSplit,
    mayGroup: (members) => mayGroup(members) && !members.some(({ peerId }) => cramped.has(peerId)),
  })
  return (grouped?.stages ?? []).flatMap(({ peers }): NamedGroup[] => {
    const [leader, ...ranks] = peers
    if (leader === undefined || ranks.length === 0) return []
    const known = [...serving.values()].find(({ group }) =>
      sameMembers([group.leader, ...group.ranks], peers),
    )
    if (known !== undefined) return [known.group]
    const hardwares = peers.map((peer) => memberOf(apart, peer).hardware)
    return [
      { leader, ranks, speeds: speedsOf(hardwares.map((hardware) => decodeMicros(hardware, planningPast))) },
    ]
  })
}

/** Until a group serves, its peers hold what they would hold without it; so each needs room for both. @returns those that have not */
function withoutRoom(
  groups: readonly NamedGroup[],
  made: MadePlan,
  single: MadePlan,
  apart: Snapshot,
  costs: ModelCosts,
  { contextTokens }: MakeOptions,
  shares: SharesOf,
  serving: ReadonlyMap<string, Serving>,
): readonly string[] {
  const blocksOf = (placements: MadePlan['placements'], peer: string): number =>
    placements.reduce(
      (most, { peer: other, start, end }) => (other === peer ? Math.max(most, end - start) : most),
      0,
    )
  return groups.flatMap((group) => {
    if (serving.get(group.leader)?.group === group) return []
    const permille = shares(group.speeds) ?? []
    const together = blocksOf(made.placements, group.leader)
    return [group.leader, ...group.ranks].filter((peer, rank) => {
      const member = memberOf(apart, peer)
      const held = member.span === null ? 0 : member.span.end - member.span.start
      return !hasRoomForBoth(
        member.hardware,
        Math.max(held, blocksOf(single.placements, peer)),
        together,
        permille[rank] ?? 1000,
        costs,
        contextTokens,
      )
    })
  })
}

function memberOf({ members }: Snapshot, peer: string): SnapshotMember {
  const member = members.find(({ peerId }) => peerId === peer)
  if (member === undefined) throw new Error(`${peer} is in a group and not in the snapshot`)
  return member
}

/** A token's time; for ever where the model is not covered. */
function microsOf({ prediction, uncovered }: MadePlan): number {
  return prediction === null || uncovered.length > 0 ? Number.POSITIVE_INFINITY : prediction.tpotMicros
}

/** Of single peers, whether or not somebody would have to move for it. */
function bestOf(single: MadePlan): number {
  return Math.min(single.bestMicros ?? Number.POSITIVE_INFINITY, microsOf(single))
}

function sameGroups(a: readonly NamedGroup[], b: readonly NamedGroup[]): boolean {
  return a.length === b.length && a.every((group) => b.includes(group))
}

/** Who leads matters less than who is in it. */
function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((peer) => b.includes(peer))
}
