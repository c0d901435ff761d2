import type { SnapshotMember } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import { decodeMicros, planningPast } from '../costs/compute.ts'
import { spanBytes, type ModelCosts } from '../costs/costs.ts'
import { hopMicros } from '../costs/links.ts'
import { stageMicros } from '../costs/stage.ts'
import type { PlannerSnapshot } from '../snapshot.ts'

export interface RouteRequest {
  /** Blocks the route must cover. */
  readonly range: BlockRange
  /** Most positions that the session will have. A stage without memory for their cache is not used. */
  readonly tokenBudget: number
  /** Peers that must not be used, in any incarnation. */
  readonly exclude?: ReadonlySet<string>
  /** Peers that failed in this incarnation. They are used again once they announce a higher one. */
  readonly lost?: ReadonlyMap<string, number>
  /** Numeric class in which each block was computed so far. A route that stays in these classes wins, however slow. */
  readonly classes?: ReadonlyMap<number, string>
  /** Peer id of the coordinator. When absent, the first hop and the return hop are not counted. */
  readonly from?: string
  /** Load of each peer, from its beats. Only the share of time in which it computes (`busyPermille`) counts. */
  readonly load?: ReadonlyMap<string, { readonly sessions: number; readonly busyPermille: number }>
}

export interface PlannedStage {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly range: BlockRange
  readonly incarnation: number
  /** Time of one row through all blocks of the stage. */
  readonly decodeMicros: number
  /** Time per row of a longer step through all blocks of the stage. */
  readonly prefillMicrosPerRow: number
  /** Time of one row from the stage before to this one; 0 for the first stage when the coordinator is not known. */
  readonly hopMicros: number
  /** Time that each further row adds to that hop. */
  readonly hopMicrosPerRow: number
}

export type RouteResult =
  | { readonly found: true; readonly stages: readonly PlannedStage[]; readonly microsPerToken: number }
  /** Blocks that no usable peer holds. */
  | { readonly found: false; readonly uncovered: readonly BlockRange[] }

/**
 * Finds the fastest route over spans that serving members hold now. A shortest path (Dijkstra) visits vertices in the order
 * of the blocks here, so that one pass over the blocks settles each (block, member) vertex. A stage computes up to the
 * end of its span (or of the range), which keeps the graph small. The time of a busy member counts as longer, because a
 * new session there waits for the turns of the others.
 */
export function findRoute(snapshot: PlannerSnapshot, request: RouteRequest): RouteResult {
  const { costs } = snapshot
  const { range, tokenBudget } = request
  const holders = snapshot.members.filter(
    (member) => isUsable(member, costs, tokenBudget) && !isExcluded(member, request),
  )
  const origin = snapshot.members.find((member) => member.peerId === request.from)
  // best.get(block): for each member, the cheapest way through all blocks below `block` that ends at it.
  const best = new Map<number, Way[]>([
    [range.start, [{ foreign: false, micros: 0, member: origin, stages: [] }]],
  ])
  for (let block = range.start; block < range.end; block += 1) {
    for (const way of best.get(block) ?? []) {
      for (const member of holders) {
        if (
          member.span === null ||
          member.span.start > block ||
          member.span.end <= block ||
          member.peerId === way.stages.at(-1)?.peer
        )
          continue
        const stage = stageOf(
          member,
          { start: block, end: Math.min(member.span.end, range.end) },
          way.member,
          costs,
        )
        const micros =
          way.micros +
          stage.hopMicros +
          Math.round(stage.decodeMicros * loadFactor(request.load?.get(member.peerId))) +
          stageMicros
        keep(best, stage.range.end, {
          foreign: way.foreign || changesClass(member, stage.range, request.classes),
          micros,
          member,
          stages: [...way.stages, stage],
        })
      }
    }
  }
  const complete = (best.get(range.end) ?? []).map((way) => ({
    ...way,
    micros: way.micros + returnHop(way.member, origin, costs),
  }))
  complete.sort(compareWays)
  const [fastest] = complete
  if (fastest === undefined) return { found: false, uncovered: uncoveredBlocks(holders, range) }
  return { found: true, stages: fastest.stages, microsPerToken: fastest.micros }
}

interface Way {
  /** Whether some block would be computed in another numeric class than before. */
  readonly foreign: boolean
  readonly micros: number
  readonly member: SnapshotMember | undefined
  readonly stages: readonly PlannedStage[]
}

function isUsable(member: SnapshotMember, costs: ModelCosts, tokenBudget: number): boolean {
  if (member.state !== 'serving' || member.span === null || member.span.end > costs.blockCount) return false
  // Without the planner's head-room, since a node may have been told to hold more than a plan would place there.
  return spanBytes(member.span.end - member.span.start, costs, tokenBudget) <= member.hardware.memoryBytes
}

function isExcluded({ peerId, incarnation }: SnapshotMember, { exclude, lost }: RouteRequest): boolean {
  return exclude?.has(peerId) === true || incarnation <= (lost?.get(peerId) ?? -1)
}

/**
 * Whether a block of the range would be computed in another class than before. A block of class `none` has no bits to
 * keep.
 */
function changesClass(
  { numericClass }: SnapshotMember,
  range: BlockRange,
  classes: ReadonlyMap<number, string> | undefined,
): boolean {
  if (classes === undefined) return false
  for (let block = range.start; block < range.end; block += 1) {
    const before = classes.get(block) ?? 'none'
    if (before !== 'none' && before !== numericClass) return true
  }
  return false
}

function stageOf(
  member: SnapshotMember,
  range: BlockRange,
  before: SnapshotMember | undefined,
  costs: ModelCosts,
): PlannedStage {
  const blocks = range.end - range.start
  const hop = before === undefined ? 0 : hopMicros(before, member, costs.rowBytes)
  const twoRows = before === undefined ? 0 : hopMicros(before, member, 2 * costs.rowBytes)
  return {
    peer: member.peerId,
    addresses: member.addresses,
    range,
    incarnation: member.incarnation,
    decodeMicros: blocks * decodeMicros(member.hardware, planningPast),
    prefillMicrosPerRow: blocks * Math.max(1, member.hardware.prefillMicrosPerRowBlock),
    hopMicros: hop,
    hopMicrosPerRow: twoRows - hop,
  }
}

function returnHop(
  last: SnapshotMember | undefined,
  origin: SnapshotMember | undefined,
  costs: ModelCosts,
): number {
  return last === undefined || origin === undefined ? 0 : hopMicros(last, origin, costs.rowBytes)
}

/** A member that computes half of its time needs twice as long for one more session. The factor is at most ten. */
function loadFactor(load: { readonly busyPermille: number } | undefined): number {
  return load === undefined ? 1 : 1000 / Math.max(100, 1000 - load.busyPermille)
}

/** Keeps the cheapest way of each (block, member). */
function keep(best: Map<number, Way[]>, block: number, way: Way): void {
  const ways = best.get(block) ?? []
  const at = ways.findIndex(({ member }) => member?.peerId === way.member?.peerId)
  const known = ways[at]
  if (known === undefined) ways.push(way)
  else if (compareWays(way, known) < 0) ways[at] = way
  best.set(block, ways)
}

function compareWays(a: Way, b: Way): number {
  return Number(a.foreign) - Number(b.foreign) || a.micros - b.micros || compareStages(a.stages, b.stages)
}

function compareStages(a: readonly PlannedStage[], b: readonly PlannedStage[]): number {
  const [x, y] = [a, b].map((stages) => stages.map(({ peer }) => peer).join(' '))
  return a.length - b.length || ((x ?? '') < (y ?? '') ? -1 : x === y ? 0 : 1)
}

/** The ranges of blocks that none of the holders has. */
export function uncoveredBlocks(
  holders: readonly { readonly span: BlockRange | null }[],
  range: BlockRange,
): readonly BlockRange[] {
  const uncovered: BlockRange[] = []
  for (let block = range.start; block < range.end; block += 1) {
    if (holders.some(({ span }) => span !== null && span.start <= block && block < span.end)) continue
    const last = uncovered.at(-1)
    if (last?.end === block) uncovered[uncovered.length - 1] = { start: last.start, end: block + 1 }
    else uncovered.push({ start: block, end: block + 1 })
  }
  return uncovered
}
