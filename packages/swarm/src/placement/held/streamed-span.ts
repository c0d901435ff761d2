import { residentWeightBytes, streamingWindow } from '@shoal/runtime'
import type { IdentifiedManifest } from '@shoal/model'
import type { BlockSpeed } from '../../measuring/calibration/calibrate.ts'
import { checkBlocks } from '../check-blocks.ts'
import { swarmLimits } from '../../limits.ts'

/** What a disk is taken to give in a second until it has been measured. */
export const { streamedBytesPerSecond } = swarmLimits

/** A span whose weights do not fit the memory of its node, and come from disk in every step. */
export interface StreamedSpan {
  readonly blocks: number
  /** Blocks whose weights stay in memory. */
  readonly residentBlocks: number
  /** Bytes of weights that a step reads from disk, or from what the system keeps of it. */
  readonly bytesPerStep: number
  /**
   * Bytes of weights that are not in memory at any time. The node announces them as memory, because plans and routes
   * reckon what is left for sessions by subtracting the weights of the span.
   */
  readonly savedBytes: number
}

export interface StreamingOptions {
  readonly streamWeights?: boolean | undefined
  readonly blocks?: readonly [number, number] | undefined
  readonly memoryBytes: number
  readonly sessionMemoryBytes?: number | undefined
}

/**
 * A node's options with the blocks that it serves whatever the plan says, those that its user chose or all of a model that
 * it streams; and what it streams of them.
 * @throws {ShoalError} `no-capacity` when not even one block fits, `wrong-range`
 */
export function withStreaming<Options extends StreamingOptions>(
  given: Options,
  manifest: IdentifiedManifest,
): { readonly options: Options; readonly streaming: StreamedSpan | null } {
  const all = [0, manifest.manifest.config.blockCount] as const
  const blocks = given.blocks ?? (given.streamWeights === true ? all : undefined)
  const options = { ...given, blocks }
  checkBlocks(options, manifest)
  return { options, streaming: streamedSpan(options, manifest) }
}

/** @returns null when nothing is streamed, because it was not asked for or all weights fit */
function streamedSpan(
  { streamWeights, blocks, memoryBytes, sessionMemoryBytes = 0 }: StreamingOptions,
  { manifest }: IdentifiedManifest,
): StreamedSpan | null {
  if (streamWeights !== true || blocks === undefined) return null
  const [start, end] = blocks
  const window = streamingWindow(manifest, { start, end }, memoryBytes + sessionMemoryBytes)
  if (window === null) return null
  const { residentBlocks, windowBytes } = window
  const streamed = { start: start + residentBlocks, end }
  return {
    blocks: end - start,
    residentBlocks,
    bytesPerStep: residentWeightBytes(manifest, streamed),
    savedBytes: residentWeightBytes(manifest, { start, end }) - windowBytes,
  }
}

/** What such a node tells the others. */
export function streamingText({ blocks, residentBlocks }: StreamedSpan): string {
  return `its memory holds ${residentBlocks + 1} of its ${blocks} blocks at a time, so every step reads the weights of ${blocks - residentBlocks} from disk: answers are slow`
}

/** The speed that such a node announces before it has made real steps. */
export function streamedSpeed(speed: BlockSpeed, streaming: StreamedSpan | null): BlockSpeed {
  if (streaming === null) return speed
  const { blocks, bytesPerStep } = streaming
  const microsPerBlock = Math.round((bytesPerStep / swarmLimits.streamedBytesPerSecond) * (1e6 / blocks))
  return {
    ...speed,
    decodeMicrosPerBlock: speed.decodeMicrosPerBlock + microsPerBlock,
    prefillMicrosPerRowBlock:
      speed.prefillMicrosPerRowBlock + Math.ceil(microsPerBlock / swarmLimits.rowsPerStreamedCall),
  }
}
