import { splitBlocks, type ModelConfig, type NumericProfile } from '@shoal/model'
import type { Placement } from '@shoal/planner'
import type { FormGroup } from '@shoal/protocol'

/** Whether these placements name the group that `leader` asks to form: same blocks, ranks and split. Pure. */
export function isPlanned(
  placements: readonly Placement[],
  { config, profile }: { readonly config: ModelConfig; readonly profile: NumericProfile },
  leader: string,
  request: FormGroup,
): boolean {
  const peers = request.peers.map(({ peer }) => peer)
  return placements.some(({ peer, start, end, group }) => {
    if (peer !== leader || group === undefined || start !== request.start || end !== request.end) return false
    const split = splitBlocks(config, profile, group.speeds)
    return (
      sameList([leader, ...group.ranks], peers) &&
      sameList(split.heads, request.heads) &&
      sameList(split.columns, request.columns) &&
      sameList(split.experts ?? [], request.experts ?? [])
    )
  })
}

function sameList<Value>(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
