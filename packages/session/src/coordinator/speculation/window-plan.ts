import { sessionLimits } from '../../route/limits.ts'

/** Predicted times of a route and of its coordinator. */
export interface RouteTimes {
  /** From sending a step of `rows` rows to its answer, while no other step is under way. */
  latencyMs(rows: number): number
  /** Between the answers of two such steps that are under way together: the time of the slowest stage for one of them. */
  intervalMs(rows: number): number
  /** The coordinator's time for the logits of `rows` rows. */
  headMs(rows: number): number
  /** The coordinator's time for drafting the tokens of `rows` rows. */
  draftMs(rows: number): number
  /** What the rows of `windows` discarded windows cost others; nothing when absent. */
  wastedMs?(rows: number, windows: number): number
}

/** Rows of each window, and how many windows may be under way. One row in one window drafts nothing. */
export interface WindowPlan {
  readonly rows: number
  readonly windows: number
}

export const plainPlan: WindowPlan = { rows: 1, windows: 1 }

const rowChoices = [1, 2, 3, 4, 6, 8, 12, 16]
const windowChoices = [1, 2, 3, 4, 6, 8]

/**
 * The plan with the least expected time for a token. Each drafted token is right with probability `acceptance`. A run of
 * right tokens ends with a wrong one, after which the first window of the next run takes the whole latency; the windows
 * behind it answer one interval apart, or when they may be sent. Pure.
 * @param rowsMax most rows of a window: the times of longer ones have not been measured yet
 */
export function planWindows(times: RouteTimes, acceptance: number, rowsMax: number): WindowPlan {
  const plainMs = times.latencyMs(1) + times.headMs(1)
  let best = { plan: plainPlan, ms: plainMs * (1 - sessionLimits.draftGainMin) }
  for (const rows of rowChoices) {
    if (rows > rowsMax) break
    const [latencyMs, headMs, draftMs] = [times.latencyMs(rows), times.headMs(rows), times.draftMs(rows)]
    const intervalMs = times.intervalMs(rows)
    for (const windows of windowChoices) {
      if (rows * windows === 1 || rows * windows > sessionLimits.draftRowsMax) continue
      // The windows behind the first one are drafted while it travels.
      const firstMs = draftMs + Math.max(latencyMs, (windows - 1) * draftMs) + headMs
      const nextMs = Math.max(intervalMs, headMs + draftMs, firstMs / windows)
      const windowsAfter = 1 / (1 - acceptance ** rows) - 1
      // After a wrong token, the slowest stage may still be computing a window that has been discarded.
      const staleMs = windows > 1 ? intervalMs / 2 + (times.wastedMs?.(rows, windows - 1) ?? 0) : 0
      const ms = (firstMs + staleMs + windowsAfter * nextMs) * (1 - acceptance)
      if (ms < best.ms) best = { plan: { rows, windows }, ms }
    }
  }
  return best.plan
}
