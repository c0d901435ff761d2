import type { BlockRange } from '@shoal/model'
import type { JournalStep } from './journal.ts'
import { sessionLimits } from './limits.ts'
import type { Route, RouteStage } from './types.ts'

/** What a stage says of itself when it is given new neighbours. */
export interface StageProgress {
  readonly length: number
  /** Number of the highest step that the stage has taken; null before the first. */
  readonly lastStep: number | null
  /** First row that the stage can send again from its journal: 0 unless the session was handed over to it. */
  readonly journalFrom: number
}

/**
 * The ranges for which stages have to be found. Adjacent lost stages are one range, which new stages may cut elsewhere.
 */
export function lostRanges(route: Route, isLost: (stage: RouteStage) => boolean): BlockRange[] {
  const ranges: BlockRange[] = []
  for (const stage of route) {
    if (!isLost(stage)) continue
    const { range } = stage
    const last = ranges.at(-1)
    if (last?.end === range.start) ranges[ranges.length - 1] = { start: last.start, end: range.end }
    else ranges.push(range)
  }
  return ranges
}

/** The route with every lost range filled by the stages found for it. */
export function repairedRoute(
  route: Route,
  isLost: (stage: RouteStage) => boolean,
  found: ReadonlyMap<number, Route>,
): Route {
  return [...route.filter((stage) => !isLost(stage)), ...[...found.values()].flat()].sort(
    (one, other) => one.range.start - other.range.start,
  )
}

/**
 * How many of a stage's rows are valid. When the coordinator has rewound and the stage has not received the rewinding
 * step yet, the stage's rows from there on are invalid: the coordinator's journal has other rows at these positions.
 * @param sent all steps of the coordinator's journal, in order
 */
export function keptRows(
  sent: readonly JournalStep[],
  { length, lastStep }: Pick<StageProgress, 'length' | 'lastStep'>,
): number {
  const unheard = sent.find(({ step }) => step > (lastStep ?? -1))
  const last = sent.at(-1)
  // A stage cannot have more rows than the coordinator has sent, whatever the stage claims.
  const total = last === undefined ? 0 : last.position + last.rows
  return Math.min(length, unheard?.position ?? total)
}

/**
 * How many rows each stage of a route keeps. After a hand-over, the journal of a stage may start at a row above 0. When
 * the next stage lacks rows before that start, the stage cannot send them again; it then keeps only as many rows as the
 * next stage has, and computes the others again.
 */
export function keptAlong(sent: readonly JournalStep[], progress: readonly StageProgress[]): number[] {
  const kept = progress.map((stage) => keptRows(sent, stage))
  for (let index = kept.length - 2; index >= 0; index -= 1) {
    const next = kept[index + 1]!
    if (next < progress[index]!.journalFrom) kept[index] = Math.min(kept[index]!, next)
  }
  return kept
}

/** The route with a leaving stage replaced by its successors. */
export function movedRoute(route: Route, leaving: RouteStage, to: Route): Route {
  return route.flatMap((stage) => (stage === leaving ? to : [stage]))
}

/**
 * The frames that send the next hop its rows from `from` on. Steps that end at or before `settled` are joined into
 * chunks, since the coordinator awaits none of them. The others stay as they were, because each is to be answered. A
 * chunk has the number of its last step, so that step numbers still increase and a stage's highest one still tells
 * which rows the stage has received.
 */
export function replayChunks(steps: readonly JournalStep[], from: number, settled: number): JournalStep[] {
  const chunks: JournalStep[] = []
  for (const entry of steps) {
    const end = entry.position + entry.rows
    if (end <= from) continue
    const position = Math.max(entry.position, from)
    const last = chunks.at(-1)
    if (end > settled) chunks.push({ ...entry, position, rows: end - position })
    else if (last !== undefined && end - last.position <= sessionLimits.replayChunkRows)
      chunks[chunks.length - 1] = { ...last, step: entry.step, rows: end - last.position }
    else chunks.push({ step: entry.step, position, rows: end - position, want: 'none' })
  }
  return chunks
}

/**
 * Most chunks of one replay, steps under way not included. Any two consecutive chunks together exceed
 * `replayChunkRows`, since they would have been joined otherwise.
 */
export function maxReplayFrames(tokenBudget: number): number {
  return Math.ceil((2 * tokenBudget) / sessionLimits.replayChunkRows) + 1
}
