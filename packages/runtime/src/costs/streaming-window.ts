import { ShoalError } from '@shoal/host'
import type { BlockRange, Manifest } from '@shoal/model'
import { residentWeightBytes } from './memory-estimate.ts'

/** What a node keeps in memory of a span whose weights it reads from disk in every step. */
export interface StreamingWindow {
  /** Blocks that stay in memory. Beside them there is room for one more, in which all others take turns. */
  readonly residentBlocks: number
  /** Bytes of the weights that are in memory at any time, at most. */
  readonly windowBytes: number
}

/** The part of a budget that weights of whole spans may fill, and that a window fills: the rest is for KV caches and journals. */
const wholeShare = 0.8
const windowShare = 0.5

/**
 * The window of a span in a budget; null when all of its weights fit, and none are streamed. Every step needs the blocks in
 * the same order, so those that were used last are needed last: keeping the first ones saves more than keeping recent ones.
 *
 * @param freeBytes of the budget, before the weights
 * @throws {ShoalError} `no-capacity` when not even one block fits beside some KV cache
 */
export function streamingWindow(
  manifest: Manifest,
  range: BlockRange,
  freeBytes: number,
): StreamingWindow | null {
  if (residentWeightBytes(manifest, range) <= wholeShare * freeBytes) return null
  let blockBytes = 0
  for (let start = range.start; start < range.end; start += 1)
    blockBytes = Math.max(blockBytes, residentWeightBytes(manifest, { start, end: start + 1 }))
  if (blockBytes > wholeShare * freeBytes)
    throw new ShoalError(
      'no-capacity',
      `streaming weights needs memory for one block at a time: ${blockBytes} bytes, and a quarter more for KV caches; ${Math.max(0, freeBytes)} are free. Give more with --memory`,
    )
  const residentBlocks = Math.max(0, Math.floor((windowShare * freeBytes) / blockBytes) - 1)
  return { residentBlocks, windowBytes: (residentBlocks + 1) * blockBytes }
}
