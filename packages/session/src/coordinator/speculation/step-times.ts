import type { RouteTimes } from './window-plan.ts'

/** Weight of a new measurement in an exponential moving average. */
const weight = 0.25
/** A pause of the machine or a repair of the route counts as this multiple of the average at most. */
const outlierFactor = 4
/** Assumed time of each further row, as a part of the time of a call with one row, until it is measured. */
const assumedRowCost = 1 / 8

/** Time of a call as a function of its rows: the time of one row, and the time that each further row adds. */
class RowTimes {
  #oneMs: number | null = null
  #moreMs: number | null = null

  /** Whether a call of one row has been timed. */
  get known(): boolean {
    return this.#oneMs !== null
  }

  note(rows: number, durationMs: number): void {
    if (rows === 1) this.#oneMs = mix(this.#oneMs, durationMs)
    else if (this.#oneMs !== null)
      this.#moreMs = mix(this.#moreMs, Math.max(0, durationMs - this.#oneMs) / (rows - 1))
  }

  of(rows: number): number {
    const oneMs = this.#oneMs ?? 0
    return oneMs + (this.#moreMs ?? oneMs * assumedRowCost) * (rows - 1)
  }
}

/** Times of an answer's steps, measured. */
export class StepTimes implements RouteTimes {
  readonly #latency = new RowTimes()
  readonly #head = new RowTimes()
  /** Averages over steps that were already under way when the step before them was answered: rows, and time between the answers. */
  #followedRows: number | null = null
  #followedMs: number | null = null
  #draftTokenMs: number | null = null

  /** Whether a step of one row has been timed. */
  get known(): boolean {
    return this.#latency.known
  }

  /** A step that was alone on the route has been answered. */
  answered(rows: number, durationMs: number): void {
    this.#latency.note(rows, durationMs)
  }

  /** A step that was under way behind another one was answered `intervalMs` after that one. */
  followed(rows: number, intervalMs: number): void {
    this.#followedRows = mix(this.#followedRows, rows)
    this.#followedMs = mix(this.#followedMs, intervalMs)
  }

  /** The head has computed the logits of `rows` rows. */
  headComputed(rows: number, durationMs: number): void {
    this.#head.note(rows, durationMs)
  }

  /** `tokens` tokens were drafted. */
  drafted(tokens: number, durationMs: number): void {
    this.#draftTokenMs = mix(this.#draftTokenMs, durationMs / tokens)
  }

  latencyMs(rows: number): number {
    return this.#latency.of(rows)
  }

  headMs(rows: number): number {
    return this.#head.of(rows)
  }

  draftMs(rows: number): number {
    return (this.#draftTokenMs ?? 0) * rows
  }

  /** A stage reads its weights once for all rows, so that a longer step takes less than in proportion. */
  intervalMs(rows: number): number {
    if (this.#followedMs === null || this.#followedRows === null) return this.latencyMs(rows) / 2
    const relative = (count: number): number => 1 + assumedRowCost * (count - 1)
    return (this.#followedMs * relative(rows)) / relative(this.#followedRows)
  }
}

function mix(averageMs: number | null, measuredMs: number): number {
  if (averageMs === null) return measuredMs
  const bounded = averageMs === 0 ? measuredMs : Math.min(measuredMs, averageMs * outlierFactor)
  return averageMs + weight * (bounded - averageMs)
}
