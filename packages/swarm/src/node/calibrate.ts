import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom, ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import { writeFileAtomically } from '@shoal/host/node'
import { formatProfile, packedTensors, packedUnit, type IdentifiedManifest, type PackedTensor } from '@shoal/model'
import { createOnnxDevice, type BlockRunner } from '@shoal/runtime'

/** What one block of the model's shape costs on this machine; integer microseconds, so that all peers plan alike. */
export interface BlockSpeed {
  readonly decodeMicrosPerBlock: number
  readonly prefillMicrosPerRowBlock: number
}

export interface CalibrateDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Rows of the timed prefill chunk, and of the cache that decode is timed behind. */
const prefillRows = 64
/** Timed decode steps; the median of so few is steady enough for a plan with a 25 % threshold. */
const decodeSteps = 9

/**
 * Times one block with random weights of the model's shape: before a node has any weights it must say how fast it is.
 * The answer is kept in the data directory per shape, profile and thread count.
 */
export async function calibrateBlock(dependencies: CalibrateDependencies, manifest: IdentifiedManifest, threads: number, dataFolder: string): Promise<BlockSpeed> {
  const { config, profile } = manifest.manifest
  const { hiddenSize, feedForwardSize, headCount, keyValueHeadCount, headSize } = config
  const key = [formatProfile(profile), hiddenSize, feedForwardSize, headCount, keyValueHeadCount, headSize, config.slidingWindow, `t${threads}`].join('-')
  const path = join(dataFolder, 'calibration.json')
  const known = await readKnown(path)
  const found = known[key]
  if (found !== undefined) return found

  const folder = join(dataFolder, 'calibration')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  try {
    const oneBlock = { ...config, blockCount: 1 }
    const single: IdentifiedManifest = {
      ...manifest,
      manifest: { ...manifest.manifest, config: oneBlock, tensors: packedTensors(oneBlock, profile).map((tensor) => ({ ...tensor, sha256: '' })) },
    }
    await writeRandomUnit(dependencies.random, join(folder, 'block-0.bin'), packedUnit(config, profile, 'block-0'))
    const device = await createOnnxDevice({ manifest: single, folder, threads, logger: dependencies.logger })
    try {
      const runner = await device.loadBlocks({ start: 0, end: 1 }, { memoryLimitBytes: Number.MAX_SAFE_INTEGER })
      const speed = await timeBlock(dependencies, runner, config.contextLength)
      writeFileAtomically(path, JSON.stringify({ ...known, [key]: speed }))
      return speed
    } finally {
      await device.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function timeBlock({ clock }: CalibrateDependencies, runner: BlockRunner, contextLength: number): Promise<BlockSpeed> {
  const rows = Math.min(prefillRows, contextLength - decodeSteps - 1)
  // Any values will do; the system's randomness costs microseconds for each.
  const values = seededRandom(1)
  const hidden = Float32Array.from({ length: rows * runner.hiddenSize }, () => values.unit() - 0.5)
  await runner.open('calibration', rows + decodeSteps)
  // The first call of a session pays for its buffers: it is not timed.
  await runner.forward('calibration', 0, hidden)
  await runner.truncate('calibration', 0)
  const prefillMs = await timed(clock, () => runner.forward('calibration', 0, hidden))
  const decodeMs: number[] = []
  for (let step = 0; step < decodeSteps; step += 1) {
    decodeMs.push(await timed(clock, () => runner.forward('calibration', rows + step, hidden.slice(0, runner.hiddenSize))))
  }
  const median = decodeMs.sort((a, b) => a - b)[decodeSteps >> 1]!
  return {
    decodeMicrosPerBlock: Math.max(1, Math.round(median * 1000)),
    prefillMicrosPerRowBlock: Math.max(1, Math.round((prefillMs * 1000) / rows)),
  }
}

async function timed(clock: Clock, work: () => Promise<unknown>): Promise<number> {
  const startMs = clock.nowMs()
  await work()
  return clock.nowMs() - startMs
}

/** Random bytes as quantised weights, small values as floats: NaN and denormal numbers would take other paths. */
async function writeRandomUnit(random: Random, path: string, tensors: readonly PackedTensor[]): Promise<void> {
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
    return Object.fromEntries(Object.entries(json).filter((entry): entry is [string, BlockSpeed] => isSpeed(entry[1])))
  } catch (error) {
    // Absent, or damaged by a full disk: measuring again costs a second.
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')) return {}
    throw new ShoalError('internal', `${path} cannot be read`, { cause: error })
  }
}

function isSpeed(value: unknown): value is BlockSpeed {
  if (value === null || typeof value !== 'object') return false
  const { decodeMicrosPerBlock, prefillMicrosPerRowBlock } = value as Partial<BlockSpeed>
  return Number.isSafeInteger(decodeMicrosPerBlock) && Number.isSafeInteger(prefillMicrosPerRowBlock)
}
