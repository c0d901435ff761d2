import { sessionTimes } from '../../route/limits.ts'
import type { Route } from '../../route/types.ts'

/** Predicted time of one step over a whole route, its hops included. */
export function predictedStepMs(route: Route, rows: number): number {
  return route.reduce((sum, stage) => sum + stage.predictedStepMs(rows), 0)
}

/**
 * How long the oldest step under way may take from the moment it became the oldest: `max(1 s, 8 × predicted)`.
 * Steps behind it wait for their turn: their own time starts when the one ahead has been answered, so a long queue in
 * front of a step neither fails it nor hides a stage that hangs.
 */
export function stepDeadlineMs(
  route: Route,
  rows: number,
  times: { readonly stepDeadlineMsMin: number; readonly stepDeadlineFactor: number } = sessionTimes,
): number {
  const predictedMs = predictedStepMs(route, rows)
  // A prediction of NaN or infinity must not switch the deadline off.
  return Number.isFinite(predictedMs)
    ? Math.max(times.stepDeadlineMsMin, times.stepDeadlineFactor * predictedMs)
    : times.stepDeadlineMsMin
}
