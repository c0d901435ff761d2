import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { KeyValueWindow } from '../block-runner.ts'

/** A {@link KeyValueWindow} with its defaults filled in and its blocks counted from the session's first. */
export interface ResolvedWindow {
  readonly from: number
  readonly to: number
  /** Indices into the caches of the session's own blocks, half-open. */
  readonly first: number
  readonly end: number
}

/** @throws {ShoalError} `wrong-position`, `wrong-range` for positions or blocks that the session does not have */
export function resolveWindow(
  window: KeyValueWindow,
  session: { readonly part: BlockRange; readonly length: number },
): ResolvedWindow {
  const { from = 0, to = session.length, part = session.part } = window
  if (
    !Number.isSafeInteger(from) ||
    !Number.isSafeInteger(to) ||
    from < 0 ||
    to < from ||
    to > session.length
  ) {
    throw new ShoalError(
      'wrong-position',
      `positions ${from} to ${to} are not among the ${session.length} of this session`,
    )
  }
  const { start, end } = session.part
  if (
    !Number.isInteger(part.start) ||
    !Number.isInteger(part.end) ||
    part.start < start ||
    part.end > end ||
    part.end <= part.start
  ) {
    throw new ShoalError(
      'wrong-range',
      `blocks ${part.start}:${part.end} are not among ${start}:${end} of this session`,
    )
  }
  return { from, to, first: part.start - start, end: part.end - start }
}
