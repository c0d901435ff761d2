import type { Snapshot, SnapshotMember } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import { stageMicros } from './cluster.ts'
import { decodeMicros, planningPast } from './compute.ts'
import { spanBytes, type ModelCosts } from './costs.ts'
import { hopMicros } from './links.ts'

export interface RouteRequest {
  /** Blocks the route must cover. */
  readonly range: BlockRange
  /** Positions the session will have: a stage without memory for their cache is not used. */
  readonly tokenBudget: number
  /** Peers that failed just now. */
  readonly exclude?: ReadonlySet<string>
  /** Peers that failed in this incarnation; a higher one is another life. */
  readonly lost?: ReadonlyMap<string, number>
  /** Numeric class that a block has been computed in so far: a route that stays in it wins, however slow. */
  readonly classes?: ReadonlyMap<number, string>
  /** Who holds the rows that go in, and where the last ones go: for the first and the return hop. Absent: not counted. */
  readonly from?: string
  /** Sessions and busy share of each peer now, from its beats. */
  readonly load?: ReadonlyMap<string, { readonly sessions: number; readonly busyPermille: number }>
}

export interface PlannedStage {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly range: BlockRange
  readonly incarnation: number
  /** One row through all blocks of the stage. */
  readonly decodeMicros: number
  /** Each row of a longer step through all blocks of the stage. */
  readonly prefillMicrosPerRow: number
  /** One row to this stage from the one before. */
  readonly hopMicros: number
  /** Each further row on that hop. */
  readonly hopMicrosPerRow: number
}

export type RouteResult =
  | { readonly found: true; readonly stages: readonly PlannedStage[]; readonly microsPerToken: number }
  /** Blocks that nobody usable holds. */
  | { readonly found: false; readonly uncovered: readonly BlockRange[] }

/**
 * The fastest way over spans that serving members hold now: Dijkstra's order is the order of the blocks, so one pass
 * over them settles each (block, member) vertex. A stage goes on to the end of its span (or of the range) before it
 * hands over, which keeps the graph small. Load stretches a member's time: a new session there waits its turn.
 */
export function findRoute(snapshot: Snapshot, costs: ModelCosts, request: RouteRequest): RouteResult {
  const { range, tokenBudget } = request
  const holders = snapshot.members.filter(
    (member) => isUsable(member, costs, tokenBudget) && !isLeftOut(member, request),
  )
  const origin = snapshot.members.find((member) => member.peerId === request.from)
  // best.get(block): the cheapest way to have all blocks below `block` done, for each member that did the last of them.
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
          Math.round(stage.decodeMicros * waiting(request.load?.get(member.peerId))) +
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
  /** Some block would change its numeric class. */
  readonly foreign: boolean
  readonly micros: number
  readonly member: SnapshotMember | undefined
  readonly stages: readonly PlannedStage[]
}

function isUsable(member: SnapshotMember, costs: ModelCosts, tokenBudget: number): boolean {
  if (member.state !== 'serving' || member.span === null || member.span.end > costs.blockCount) return false
  // Without the planner's head-room: a member told to hold more than a plan would put there answers for itself.
  return spanBytes(member.span.end - member.span.start, costs, tokenBudget) <= member.hardware.memoryBytes
}

function isLeftOut({ peerId, incarnation }: SnapshotMember, { exclude, lost }: RouteRequest): boolean {
  return exclude?.has(peerId) === true || incarnation <= (lost?.get(peerId) ?? -1)
}

/** Of class `none` nothing was promised, so nothing can be kept. */
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

/** A member that computes half of its time needs twice as long for one more session; at most ten times. */
function waiting(load: { readonly busyPermille: number } | undefined): number {
  return load === undefined ? 1 : 1000 / Math.max(100, 1000 - load.busyPermille)
}

/** One way per (block, member): the cheapest. */
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
