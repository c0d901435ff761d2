import { hopMicros } from '../costs/links.ts'
import { createCluster, type Candidate } from '../search/cluster.ts'
import type { PlannerSnapshot } from '../snapshot.ts'
import { planGroups, relativeSpeeds, togetherMicros, type GroupOptions } from './group-pipelines.ts'
import { sumMicros, sumOverheadMicros, sumsPerBlock } from './group-sums.ts'

/** Lines for `shoal plan --explain`: which groups would make a token faster, or why no group does. */
export function explainGroups(snapshot: PlannerSnapshot, options: GroupOptions = {}): readonly string[] {
  const { grouped, single } = planGroups(snapshot, options)
  if (grouped === null) return ['groups: these devices cannot hold the model together']
  const ms = (micros: number): string => `${(micros / 1000).toFixed(2)} ms`
  const groups = grouped.stages.filter(({ peers }) => peers.length > 1)
  const lines = groups.map(
    ({ peers, blocks, sumMicros: sums }) =>
      `group ${peers.join(' + ')}: ${blocks} blocks together, ${ms(sums)} of a token for its sums`,
  )
  const gain =
    single === null
      ? 'no single devices hold the model'
      : `${ms(grouped.tpotMicros)} a token instead of ${ms(single.tpotMicros)} with single devices`
  if (groups.length > 0) return [...lines, `${gain} (shoal up --groups, or --rank)`]
  const closest = closestPair(snapshot)
  if (closest === null) return ['groups: one device alone']
  const { pair, savedMicros, paidMicros } = closest
  const names = pair.map(({ member }) => member.peerId).join(' + ')
  if (!(options.canSplit?.(relativeSpeeds(pair)) ?? true))
    return [
      `groups: none would make a token faster. Heads and columns of this model cannot be shared by ${names}`,
    ]
  const told = hopMicros(pair[0].member, pair[1].member, snapshot.costs.rowBytes)
  return [
    `groups: none would make a token faster. ${names} come closest: together they would save ${ms(savedMicros)} of computing per block and pay ${ms(paidMicros)} for its two sums`,
    `  a sum: ${ms(paidMicros / sumsPerBlock)}, of which ${ms(sumOverheadMicros)} whatever the link; before each token its row travels to the other device, ${ms(told)}`,
  ]
}

/** The two devices for which a group would come closest to paying: what they would save and pay in each block. */
function closestPair(snapshot: PlannerSnapshot): {
  readonly pair: readonly [Candidate, Candidate]
  readonly savedMicros: number
  readonly paidMicros: number
} | null {
  // Memory plays no part in the comparison, so a device counts if one block with a cache of one position fits.
  const { candidates } = createCluster({ ...snapshot, contextTokens: 1 })
  let best: ReturnType<typeof closestPair> = null
  for (const [index, a] of candidates.entries()) {
    for (const b of candidates.slice(index + 1)) {
      const savedMicros = Math.min(a.blockMicros, b.blockMicros) - togetherMicros([a, b])
      const paidMicros = sumsPerBlock * sumMicros([a.member, b.member], snapshot.costs)
      if (best === null || savedMicros - paidMicros > best.savedMicros - best.paidMicros)
        best = { pair: [a, b], savedMicros, paidMicros }
    }
  }
  return best
}
