import type { NodeShape } from './link-shape.ts'

interface MaybeRank {
  readonly name: string
  readonly rankOf?: string | undefined
  readonly blocks?: readonly [number, number] | undefined
  readonly speed?: number | undefined
}

/** Describes what is wrong with the groups of a shape; null when nothing is. */
export function groupsTrouble(nodes: readonly MaybeRank[]): string | null {
  for (const { name, rankOf, blocks, speed } of nodes) {
    const leads = nodes.some((other) => other.rankOf === name)
    if (speed !== undefined && rankOf === undefined && !leads)
      return `'${name}' has a speed, but is in no group: give another node "rankOf": "${name}"`
    if (rankOf === undefined) continue
    const leader = nodes.find((other) => other.name === rankOf)
    if (leader === undefined) return `'${name}' is a rank of '${rankOf}', but no node has that name`
    if (rankOf === name) return `'${name}' is a rank of itself`
    if (leader.rankOf !== undefined)
      return `'${name}' is a rank of '${rankOf}', which is itself a rank of '${leader.rankOf}': a leader serves blocks`
    if (blocks !== undefined)
      return `'${name}' is a rank of '${rankOf}' and must not have blocks of its own: leave "blocks" out`
  }
  return null
}

/** Options of `shoal up` for a node that leads a group. @param addressOf address of a rank that has been started */
export function leaderWords(
  nodes: readonly NodeShape[],
  leader: NodeShape,
  addressOf: (rank: NodeShape) => string,
): string[] {
  const ranks = nodes.filter(({ rankOf }) => rankOf === leader.name)
  const group = [leader, ...ranks]
  return [
    ...(leader.blocks === null ? [] : ['--blocks', leader.blocks.join(':')]),
    ...ranks.flatMap((rank) => ['--rank', addressOf(rank)]),
    ...(group.some(({ speed }) => speed !== null)
      ? ['--split', group.map(({ speed }) => speed ?? 1).join(',')]
      : []),
  ]
}
