import type { RouteTimes } from './window-plan.ts'

/** Part of the difference by which a new measurement moves an average. */
const weight = 0.25
/** A pause of the machine or a repair of the route counts as this multiple of the average at most. */
const outlierFactor = 4
/** Cost of one more row, as a part of a step of one row, before it was measured. */
const assumedRowCost = 1 / 8

/** Times of a route's steps, measured. */
export class StepTimes implements RouteTimes {
  #oneRowMs: number | null = null
  #moreRowMs: number | null = null
  #intervalRowMs: number | null = null

  /** Whether a step of one row has been timed. */
  get known(): boolean {
    return this.#oneRowMs !== null
  }

  /** A step that was alone on the route has been answered. */
  answered(rows: number, durationMs: number): void {
    if (rows === 1) this.#oneRowMs = mix(this.#oneRowMs, durationMs)
    else if (this.#oneRowMs !== null)
      this.#moreRowMs = mix(this.#moreRowMs, Math.max(0, durationMs - this.#oneRowMs) / (rows - 1))
  }

  /** A step was answered so long after the one before it, behind which it was under way. */
  followed(rows: number, intervalMs: number): void {
    this.#intervalRowMs = mix(this.#intervalRowMs, intervalMs / rows)
  }

  latencyMs(rows: number): number {
    const oneRowMs = this.#oneRowMs ?? 0
    return oneRowMs + (this.#moreRowMs ?? oneRowMs * assumedRowCost) * (rows - 1)
  }

  intervalMs(rows: number): number {
    return this.#intervalRowMs === null ? this.latencyMs(rows) / 2 : this.#intervalRowMs * rows
  }
}

function mix(averageMs: number | null, measuredMs: number): number {
  if (averageMs === null) return measuredMs
  const bounded = averageMs === 0 ? measuredMs : Math.min(measuredMs, averageMs * outlierFactor)
  return averageMs + weight * (bounded - averageMs)
}
