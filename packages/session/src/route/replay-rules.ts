import type { BlockRange } from '@shoal/model'
import type { JournalStep } from './journal.ts'
import { sessionLimits } from './limits.ts'
import type { Route, RouteStage } from './types.ts'

/** What a stage says of itself when it is given new neighbours. */
export interface StageProgress {
  readonly length: number
  /** Highest step it took; null before the first. */
  readonly lastStep: number | null
  /** First row that it can send again: 0 unless the session was handed over to it. */
  readonly journalFrom: number
}

/** The ranges that have to be found anew: neighbouring stages that are lost are one range, which may be cut otherwise. */
export function lostRanges(route: Route, lost: ReadonlySet<string>): BlockRange[] {
  const ranges: BlockRange[] = []
  for (const { peer, range } of route) {
    if (!lost.has(peer)) continue
    const last = ranges.at(-1)
    if (last?.end === range.start) ranges[ranges.length - 1] = { start: last.start, end: range.end }
    else ranges.push(range)
  }
  return ranges
}

/** The route with every lost range filled by the stages found for it. */
export function repairedRoute(
  route: Route,
  lost: ReadonlySet<string>,
  found: ReadonlyMap<number, Route>,
): Route {
  return [...route.filter(({ peer }) => !lost.has(peer)), ...[...found.values()].flat()].sort(
    (one, other) => one.range.start - other.range.start,
  )
}

/**
 * How many of a stage's rows are right. Rows behind a rewind that it has not heard of are not: the coordinator's journal
 * has other ones there, made by a later step.
 * @param sent what the coordinator has sent, whole, in order
 */
export function keptRows(
  sent: readonly JournalStep[],
  { length, lastStep }: Pick<StageProgress, 'length' | 'lastStep'>,
): number {
  const unheard = sent.find(({ step }) => step > (lastStep ?? -1))
  const last = sent.at(-1)
  // A stage cannot have more than it was sent, whatever it says.
  const total = last === undefined ? 0 : last.position + last.rows
  return Math.min(length, unheard?.position ?? total)
}

/**
 * How many rows each stage of a route keeps. One that was handed the session without its outputs cannot send again what
 * the next stage lacks of them: then it keeps no more than that one, and computes the rest again.
 */
export function keptAlong(sent: readonly JournalStep[], progress: readonly StageProgress[]): number[] {
  const kept = progress.map((stage) => keptRows(sent, stage))
  for (let index = kept.length - 2; index >= 0; index -= 1) {
    const next = kept[index + 1]!
    if (next < progress[index]!.journalFrom) kept[index] = Math.min(kept[index]!, next)
  }
  return kept
}

/** The route with one stage replaced by those that take it over. */
export function movedRoute(route: Route, leaving: RouteStage, to: Route): Route {
  return route.flatMap((stage) => (stage === leaving ? to : [stage]))
}

/**
 * The frames that give the next hop rows from `from` on. Steps before `settled` are joined into chunks, since nobody
 * waits for one of them; the others stay as they were, each to be answered. A chunk has the number of its last step, so
 * that numbers still count up, and a stage's highest one still tells what it has seen.
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

/** Most frames of one replay: two chunks that follow each other have more rows than one may have. */
export function maxReplayFrames(tokenBudget: number): number {
  return Math.ceil((2 * tokenBudget) / sessionLimits.replayChunkRows) + 1
}
