import { constants, copyFile, open, readFile, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { messageOf, ShoalError, type Clock, type Logger, type Random, unlimitedMemory } from '@shoal/host'
import { makeFolder, writeFileAtomically } from '@shoal/host/node'
import {
  formatProfile,
  packedTensors,
  packedUnit,
  profileOfKinds,
  rangeBytes,
  unitsOfRange,
  type IdentifiedManifest,
  type ModelConfig,
  type NumericProfile,
  type PackedTensor,
} from '@shoal/model'
import { createDevice, measureRunner, noNumericClass, type BlockRunner } from '@shoal/runtime'
import { recentResults } from './recent-results.ts'

/** What one block of the model's shape costs on this machine; integer microseconds, so that all peers plan alike. */
export interface BlockSpeed {
  /** One row behind an empty KV cache: the straight line under `decode` at 0. */
  readonly decodeMicrosPerBlock: number
  /** The slope of that line: what each 1,024 cached positions add. */
  readonly decodeMicrosPer1024Past: number
  /** One row of the largest chunk that was timed, as of long prompts. */
  readonly prefillMicrosPerRowBlock: number
  /** The measured times of one row, by cached positions. */
  readonly decode: readonly { readonly past: number; readonly micros: number }[]
  /** The measured times per row, by rows of a chunk. */
  readonly prefill: readonly { readonly rows: number; readonly microsPerRow: number }[]
}

export interface CalibrateDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Cached positions at which decoding is timed: enough to show the slope, and filled in less than a second. */
const decodeAt = [16, 512, 1536]
/** Rows of timed chunks: fewer than sessions send, as many, and more. */
const prefillRows = [16, 64, 128]
/** Timed calls of each kind. The quickest counts, since nodes that start together slow each other down. */
const repetitions = 4
/**
 * Bytes of weights of the timed span: twice the cache of most processors, so that a step finds no weights of the step before
 * in it. In real steps weights come from memory too, also those of a small model, because other work replaces the cache.
 */
const timedBytes = 64 * 1024 * 1024
/** Pause between timed steps: the shortest time that a stage of a real swarm waits for the others. */
const restMs = 2
/** Blocks of the timed span at most: loading one takes some milliseconds, however small it is. */
const timedBlocksMax = 16

/** The number of blocks of this size that are timed together. */
export const timedBlocks = (blockBytes: number): number =>
  Math.min(timedBlocksMax, Math.max(1, Math.ceil(timedBytes / blockBytes)))

export interface CalibrateOptions {
  readonly threads: number
  /** Factor by which this node pretends to be slower. */
  readonly slowdown: number
  readonly dataFolder: string
  /** Where nodes of this machine share results for some minutes; null: nowhere. */
  readonly sharedFolder: string | null
}

/**
 * Times blocks of the model's shape with random weights, since a node announces its speed before it has any weights. The
 * result is kept in the data directory by machine, shape, profile and thread count; nodes that start at about the same time
 * share it.
 */
export async function calibrateBlock(
  dependencies: CalibrateDependencies,
  manifest: IdentifiedManifest,
  { threads, slowdown, dataFolder, sharedFolder }: CalibrateOptions,
): Promise<BlockSpeed> {
  const { config, profile } = manifest.manifest
  const { hiddenSize, feedForwardSize, headCount, keyValueHeadCount, headSize } = config
  // A data directory may be carried to another machine.
  const key = [
    cpus()[0]?.model.trim() ?? 'unknown',
    'cpu',
    formatProfile(profile),
    hiddenSize,
    feedForwardSize,
    headCount,
    keyValueHeadCount,
    headSize,
    config.slidingWindow,
    ...(config.experts === undefined ? [] : [JSON.stringify(config.experts)]),
    ...(config.latent === undefined ? [] : [JSON.stringify(config.latent)]),
    `t${threads}`,
    'from-memory',
  ].join('-')
  const path = join(dataFolder, 'calibration.json')
  const known = await readKnown(path)
  const found = known[key]
  if (found !== undefined) return times(found, slowdown)
  const recent = recentResults(sharedFolder, dependencies)
  const shared = await recent.read(key)
  const speed = isSpeed(shared) ? shared : await timeNewBlocks(dependencies, manifest, threads, dataFolder)
  if (speed !== shared) recent.keep(key, speed)
  keep(dependencies.logger, path, { ...known, [key]: speed })
  return times(speed, slowdown)
}

/** Makes blocks with random weights, times them and removes them. */
async function timeNewBlocks(
  dependencies: CalibrateDependencies,
  manifest: IdentifiedManifest,
  threads: number,
  dataFolder: string,
): Promise<BlockSpeed> {
  const { config } = manifest.manifest
  // Formats of single blocks name blocks that the timed model may not have.
  const profile = profileOfKinds(manifest.manifest.profile)
  const folder = join(dataFolder, 'calibration')
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  makeFolder(folder)
  try {
    const timed = timedConfig(config, profile)
    const span: IdentifiedManifest = {
      ...manifest,
      manifest: {
        ...manifest.manifest,
        config: timed,
        profile,
        tensors: packedTensors(timed, profile).map((tensor) => ({ ...tensor, sha256: '' })),
      },
    }
    await writeRandomUnits(dependencies.random, folder, timed, profile)
    const device = await createDevice({
      kind: 'onnx',
      manifest: span,
      folder,
      threads,
      logger: dependencies.logger,
      numericClass: noNumericClass,
    })
    try {
      const runner = await device.loadBlocks(
        { start: 0, end: timed.blockCount },
        { memory: unlimitedMemory() },
      )
      return await timeBlocks(dependencies, runner, config.contextLength)
    } finally {
      await device.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** The model with as many blocks as are timed. Where only some blocks have experts, those are timed: they take the most memory. */
function timedConfig(config: ModelConfig, profile: NumericProfile): ModelConfig {
  const uniform =
    config.experts === undefined ? config : { ...config, experts: { ...config.experts, denseBlocks: [] } }
  return { ...uniform, blockCount: timedBlocks(rangeBytes(uniform, profile, { start: 0, end: 1 })) }
}

/** A result that cannot be kept is measured again at the next start. */
function keep(logger: Logger, path: string, known: object): void {
  try {
    writeFileAtomically(path, JSON.stringify(known))
  } catch (error) {
    logger.warn('calibration-not-kept', { reason: messageOf(error) })
  }
}

async function timeBlocks(
  { clock }: CalibrateDependencies,
  runner: BlockRunner,
  contextLength: number,
): Promise<BlockSpeed> {
  const fitting = (lengths: readonly number[]): number[] =>
    [...new Set(lengths.map((length) => Math.min(length, contextLength - 1)))].filter((length) => length > 0)
  const measured = await measureRunner(runner, clock, {
    decodeAt: fitting(decodeAt),
    prefillRows: fitting(prefillRows),
    repetitions,
    restMs,
  })
  const decode = measured.decode.map(({ past, msPerBlock }) => ({
    past,
    micros: Math.max(1, Math.round(msPerBlock * 1000)),
  }))
  const prefill = measured.prefill.map(({ rows, msPerBlockAndRow }) => ({
    rows,
    microsPerRow: Math.max(1, Math.round(msPerBlockAndRow * 1000)),
  }))
  return {
    ...lineUnder(decode),
    prefillMicrosPerRowBlock: prefill.at(-1)?.microsPerRow ?? 1,
    decode,
    prefill,
  }
}

/**
 * The straight line under all measured times, by cached positions. Noise makes times longer, never shorter. A fitted line
 * would pass below zero where only the time of the longest cache was disturbed by other work.
 */
export function lineUnder([first, ...longer]: BlockSpeed['decode']): Pick<
  BlockSpeed,
  'decodeMicrosPerBlock' | 'decodeMicrosPer1024Past'
> {
  if (first === undefined) throw new Error('decoding is timed behind one cache at least')
  const slopes = longer.map(({ past, micros }) => (micros - first.micros) / (past - first.past))
  const slope = slopes.length === 0 ? 0 : Math.max(0, Math.min(...slopes))
  const atZero = Math.min(...[first, ...longer].map(({ past, micros }) => micros - slope * past))
  return {
    decodeMicrosPerBlock: Math.max(1, Math.round(atZero)),
    decodeMicrosPer1024Past: Math.round(slope * 1024),
  }
}

function times(speed: BlockSpeed, slowdown: number): BlockSpeed {
  const slower = (micros: number): number => Math.round(micros * slowdown)
  return {
    decodeMicrosPerBlock: slower(speed.decodeMicrosPerBlock),
    decodeMicrosPer1024Past: slower(speed.decodeMicrosPer1024Past),
    prefillMicrosPerRowBlock: slower(speed.prefillMicrosPerRowBlock),
    decode: speed.decode.map(({ past, micros }) => ({ past, micros: slower(micros) })),
    prefill: speed.prefill.map(({ rows, microsPerRow }) => ({ rows, microsPerRow: slower(microsPerRow) })),
  }
}

/** Writes one file per unit: weights mapped from one file would be in memory, and in the cache, only once. */
async function writeRandomUnits(
  random: Random,
  folder: string,
  config: ModelConfig,
  profile: NumericProfile,
): Promise<void> {
  const pathOf = (unit: string): string => join(folder, `${unit}.bin`)
  for (const unit of unitsOfRange(config, { start: 0, end: config.blockCount })) {
    const first = unit.includes('-expert-') ? 'block-0-expert-0' : 'block-0'
    if (unit === first) await writeRandomUnit(random, pathOf(unit), packedUnit(config, profile, unit))
    else await copyFile(pathOf(first), pathOf(unit), constants.COPYFILE_FICLONE)
  }
}

/** Writes random bytes as quantised weights and small floats: NaN and denormal values would be computed at another speed. */
async function writeRandomUnit(
  random: Random,
  path: string,
  tensors: readonly PackedTensor[],
): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const tensor of tensors) {
      const bytes = random.bytes(Math.min(tensor.bytes, 1 << 20))
      if (tensor.type === 'f32') {
        const floats = new Float32Array(bytes.buffer, 0, bytes.byteLength >> 2)
        for (let i = 0; i < floats.length; i += 1) floats[i] = ((i * 2654435761) >>> 8) / 2 ** 24 / 64
      }
      for (let offset = 0; offset < tensor.bytes; offset += bytes.byteLength) {
        await file.write(bytes, 0, Math.min(bytes.byteLength, tensor.bytes - offset), tensor.offset + offset)
      }
    }
  } finally {
    await file.close()
  }
}

async function readKnown(path: string): Promise<Record<string, BlockSpeed>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (json === null || typeof json !== 'object') return {}
    return Object.fromEntries(
      Object.entries(json).filter((entry): entry is [string, BlockSpeed] => isSpeed(entry[1])),
    )
  } catch (error) {
    // Absent, or damaged by a full disk: measuring again costs a second.
    if (
      error instanceof SyntaxError ||
      (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    )
      return {}
    throw new ShoalError('internal', `${path} cannot be read`, { cause: error })
  }
}

function isSpeed(value: unknown): value is BlockSpeed {
  if (value === null || typeof value !== 'object') return false
  const { decodeMicrosPerBlock, decodeMicrosPer1024Past, prefillMicrosPerRowBlock, decode, prefill } =
    value as Partial<BlockSpeed>
  const counts = [decodeMicrosPerBlock, decodeMicrosPer1024Past, prefillMicrosPerRowBlock].every((count) =>
    Number.isSafeInteger(count),
  )
  return counts && Array.isArray(decode) && Array.isArray(prefill)
}
