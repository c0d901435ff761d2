import { ShoalError, type ErrorCode } from '@shoal/host'
import type { BlockRange } from '@shoal/model'

/** A session failed at, or because of, one stage. A repaired or retried route leaves `peer` out. */
export class StageError extends ShoalError {
  readonly peer: string
  readonly range: BlockRange
  /** Incarnation of the peer; null when it is not known. */
  readonly incarnation: number | null

  constructor(
    stage: { readonly peer: string; readonly range: BlockRange; readonly incarnation?: number | null },
    code: ErrorCode,
    message: string,
    options: { definite?: boolean; cause?: unknown } = {},
  ) {
    super(code, `${nameStage(stage)}: ${message}`, options)
    this.name = 'StageError'
    this.peer = stage.peer
    this.range = stage.range
    this.incarnation = stage.incarnation ?? null
  }
}

/** `blocks 2 to 4 at 12D3Koo…`: ranges are half-open in code and inclusive in messages. */
export function nameStage(stage: { readonly peer: string; readonly range: BlockRange }): string {
  return `${nameBlocks(stage.range)} at ${stage.peer}`
}

export function nameBlocks(range: BlockRange): string {
  return range.end - range.start === 1 ? `block ${range.start}` : `blocks ${range.start} to ${range.end - 1}`
}
