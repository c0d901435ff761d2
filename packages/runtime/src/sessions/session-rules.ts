import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { limits } from '../limits.ts'

/** @throws {ShoalError} `bad-request` */
export function checkSessionName(session: string): void {
  if (session.length === 0 || session.length > limits.sessionNameMax)
    throw new ShoalError('bad-request', `a session's name has 1 to ${limits.sessionNameMax} characters`)
}

/** @throws {ShoalError} `bad-request` */
export function checkTokenBudget(tokenBudget: number, contextLength: number): void {
  if (!Number.isSafeInteger(tokenBudget) || tokenBudget < 1 || tokenBudget > contextLength) {
    throw new ShoalError(
      'bad-request',
      `a token budget is between 1 and the model's context of ${contextLength}, not ${tokenBudget}`,
    )
  }
}

/** @throws {ShoalError} `wrong-range` unless `part` has at least one block and all its blocks are in `range` */
export function checkPart(part: BlockRange, range: BlockRange): void {
  if (
    !Number.isInteger(part.start) ||
    !Number.isInteger(part.end) ||
    part.start < range.start ||
    part.end > range.end ||
    part.end <= part.start
  ) {
    throw new ShoalError(
      'wrong-range',
      `blocks ${part.start}:${part.end} are not part of ${range.start}:${range.end}`,
    )
  }
}

/** @throws {ShoalError} `no-capacity` unless a KV cache of `wantedBytes` fits */
export function checkRoom(wantedBytes: number, tokenBudget: number, freeBytes: number): void {
  if (wantedBytes > Math.max(0, freeBytes))
    throw new ShoalError(
      'no-capacity',
      `a session of ${tokenBudget} tokens needs ${wantedBytes} bytes of KV cache, ${Math.max(0, freeBytes)} are free`,
    )
}

/** @throws {ShoalError} `no-capacity` when no further session may be opened */
export function checkSessionCount(count: number): void {
  if (count >= limits.sessionsMax)
    throw new ShoalError('no-capacity', `${limits.sessionsMax} sessions are open already`)
}

/** @returns the number of rows that these values are @throws {ShoalError} `bad-request` */
export function checkRows(valueCount: number, hiddenSize: number): number {
  const rows = valueCount / hiddenSize
  if (!Number.isInteger(rows) || rows < 1)
    throw new ShoalError('bad-request', `${valueCount} values are not rows of ${hiddenSize}`)
  return rows
}

/** @returns the number of positions that these keys and values are @throws {ShoalError} `bad-request` */
export function checkPositions(valueCount: number, valuesPerPosition: number): number {
  const positions = valueCount / valuesPerPosition
  if (!Number.isInteger(positions) || positions < 1)
    throw new ShoalError(
      'bad-request',
      `${valueCount} values are not keys and values of ${valuesPerPosition} for each position`,
    )
  return positions
}
