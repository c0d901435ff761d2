import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { limits } from '@shoal/protocol'
import { sessionLimits } from './limits.ts'
import { nameBlocks, nameStage } from './stage-error.ts'
import type { Route } from './types.ts'

/**
 * Checks that a route covers its range without gap or overlap. Along any other route the result would be wrong.
 * @throws {ShoalError} `no-route`, `limit-exceeded`
 */
export function checkRoute(route: Route, range: BlockRange): void {
  if (route.length === 0) throw new ShoalError('no-route', 'the route has no stages')
  if (route.length > limits.maxStages)
    throw new ShoalError(
      'limit-exceeded',
      `a route of ${route.length} stages is over the limit of ${limits.maxStages}`,
    )
  let reached = range.start
  for (const stage of route) {
    if (stage.range.start !== reached || stage.range.end <= stage.range.start) {
      throw new ShoalError(
        'no-route',
        `the route reaches block ${reached}, but its next stage is ${nameStage(stage)}`,
      )
    }
    reached = stage.range.end
  }
  if (reached !== range.end)
    throw new ShoalError(
      'no-route',
      `the route ends at block ${reached}, the session needs ${nameBlocks(range)}`,
    )
}

/** Most rows of one step: the limit of the protocol, or fewer where the rows would not fit one frame. */
export function maxRowsPerStep(hiddenSize: number): number {
  const headBytes = 4096
  return Math.max(
    1,
    Math.min(
      sessionLimits.maxRowsPerStep,
      Math.floor((limits.maxFrameBytes - headBytes) / (hiddenSize * Float32Array.BYTES_PER_ELEMENT)),
    ),
  )
}
