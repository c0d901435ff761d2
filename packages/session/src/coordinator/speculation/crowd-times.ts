import type { RouteTimes } from './window-plan.ts'

/** What a call for several answers takes for each row beyond the first, as a part of its time for one row. */
const rowCost = 1 / 8

/** Answers of one coordinator that are under way together, and share the calls of their stages and of the head. */
export interface Crowd {
  readonly answers: number
  /** Predicted time of each stage for one row that is alone, in milliseconds. */
  readonly stagesMs: readonly number[]
}

/**
 * The times of a route as they weigh for all answers that share it. An answer that drafts lengthens the calls in which
 * the rows of the others wait, which its own times do not show: they contain the others' rows already. If every answer
 * drafts as this one does, a further row makes each call longer by one row of each. So in a crowd only drafts that are
 * very likely right are sent, and alone all that pay for the answer itself. Pure.
 */
export function timesInCrowd(times: RouteTimes, { answers, stagesMs }: Crowd): RouteTimes {
  const others = Math.max(0, answers - 1)
  if (others === 0) return times
  const routeMs = stagesMs.reduce((sum, stageMs) => sum + stageMs, 0)
  const slowestMs = Math.max(0, ...stagesMs)
  const othersMs = (rows: number): number => others * rowCost * routeMs * (rows - 1)
  return {
    latencyMs: (rows) => times.latencyMs(rows) + othersMs(rows),
    // A window that follows another one joins the calls of the others as well, with all of its rows.
    intervalMs: (rows) => Math.max(times.intervalMs(rows), answers * rowCost * slowestMs * rows),
    // The head computes the rows of a crowd in turns: each further row of all answers is waited for.
    headMs: (rows) => times.headMs(1) + answers * (times.headMs(rows) - times.headMs(1)),
    draftMs: (rows) => times.draftMs(rows),
    wastedMs: (rows, windows) => others * rowCost * slowestMs * rows * windows,
  }
}
