import type { BlockRange } from '@shoal/model'
import type { BlockRunner } from '@shoal/runtime'
import { sessionLimits } from '../../route/limits.ts'
import type { ReceiptChains } from '../receipts/session-receipts.ts'

/** The first positions of a session at a stage: everything that another session needs to begin with them. */
export interface KeptRows {
  readonly length: number
  /** Keys and values in the form of `exportKeyValues`, block by block of `keptBlockRows` positions. */
  readonly keyValues: readonly Float32Array[]
  /** Outputs, float32 `[length, hiddenSize]`. */
  readonly outputs: Float32Array
  /** Hashes of what came in and what went out; null where the session signed no receipts. */
  readonly receipts: ReceiptChains | null
}

/** Digests of two chains beside each position. */
const receiptBytesPerRow = 64

/** Bytes of the rows in memory. */
export function bytesOfKept({ keyValues, outputs, receipts, length }: KeptRows): number {
  const keyValueBytes = keyValues.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return keyValueBytes + outputs.byteLength + (receipts === null ? 0 : length * receiptBytesPerRow)
}

/**
 * The positions of a session's KV cache before `length`, block by block.
 * @param room asked once with the bytes of all blocks, when the first one shows how many bytes a position has
 * @returns null when there is no room
 */
export async function exportBlocks(
  runner: BlockRunner,
  key: string,
  { length, part }: { readonly length: number; readonly part: BlockRange },
  room: (bytes: number) => boolean,
): Promise<Float32Array[] | null> {
  const { keptBlockRows } = sessionLimits
  const read = (from: number): Promise<Float32Array> =>
    runner.exportKeyValues(key, { from, to: Math.min(length, from + keptBlockRows), part })
  const first = await read(0)
  if (!room((first.byteLength * length) / Math.min(length, keptBlockRows))) return null
  const blocks = [first]
  const starts = Array.from(
    { length: Math.ceil(length / keptBlockRows) - 1 },
    (_, index) => (index + 1) * keptBlockRows,
  )
  for (const some of windows(starts, first.byteLength)) blocks.push(...(await Promise.all(some.map(read))))
  return blocks
}

/** The part of kept rows that a session with so many positions in common may use: whole blocks, or all rows. */
export function firstRows(kept: KeptRows, length: number, hiddenSize: number): KeptRows {
  const { keptBlockRows } = sessionLimits
  if (length >= kept.length) return kept
  const blocks = Math.floor(length / keptBlockRows)
  const rows = blocks * keptBlockRows
  return {
    length: rows,
    keyValues: kept.keyValues.slice(0, blocks),
    outputs: kept.outputs.subarray(0, rows * hiddenSize),
    receipts: kept.receipts,
  }
}

/** Stores the keys and values of kept rows in a session that has none yet. @throws {ShoalError} when the runner refuses */
export async function importBlocks(runner: BlockRunner, key: string, { keyValues }: KeptRows): Promise<void> {
  const { keptBlockRows } = sessionLimits
  const store = (index: number): Promise<void> =>
    runner.importKeyValues(key, index * keptBlockRows, keyValues[index]!)
  for (const some of windows([...keyValues.keys()], keyValues[0]?.byteLength ?? 0))
    await Promise.all(some.map(store))
}

/** Blocks that are asked for at once: a runner takes a bounded number of calls and bytes, and others wait meanwhile. */
function windows(blocks: readonly number[], blockBytes: number): number[][] {
  const atOnce = Math.max(1, Math.floor(sessionLimits.keptWindowBytes / Math.max(1, blockBytes)))
  return Array.from({ length: Math.ceil(blocks.length / atOnce) }, (_, index) =>
    blocks.slice(index * atOnce, (index + 1) * atOnce),
  )
}
