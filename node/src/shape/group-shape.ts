import type { NodeShape } from './link-shape.ts'

interface MaybeRank {
  readonly name: string
  readonly rankOf?: string | undefined
  readonly blocks?: readonly [number, number] | undefined
  readonly speed?: number | undefined
}

/** What is wrong with the groups of a shape, for people; null when nothing is. */
export function groupsTrouble(nodes: readonly MaybeRank[]): string | null {
  for (const { name, rankOf, blocks, speed } of nodes) {
    const leads = nodes.some((other) => other.rankOf === name)
    if (speed !== undefined && rankOf === undefined && !leads)
      return `'${name}' has a speed, but is in no group: give another node "rankOf": "${name}"`
    if (rankOf === undefined) continue
    const leader = nodes.find((other) => other.name === rankOf)
    if (leader === undefined) return `'${name}' is a rank of '${rankOf}', which is no node`
    if (rankOf === name) return `'${name}' is a rank of itself`
    if (leader.rankOf !== undefined)
      return `'${name}' is a rank of '${rankOf}', which is itself a rank of '${leader.rankOf}': a leader serves blocks`
    if (blocks !== undefined)
      return `'${name}' is a rank of '${rankOf}' and has blocks of its own: they are its leader's`
  }
  return null
}

/** What `shoal up` is told for the node of this name. @param addressOf where a rank that has been started is found */
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
