import type { Clock } from '@shoal/host'
import type { Manifest } from '@shoal/model'
import { spanOf } from '../../span.ts'
import { seededBytes, seededValues, seedOf } from '../../probe/seeded-values.ts'
import { createKeyValueCache } from '../computers/key-value-cache.ts'
import type { GraphRuntime } from '../computers/compute-session.ts'
import { loadBlock } from '../computers/loaded-block.ts'
import type { WeightSource } from '../graph/linear.ts'

/** What one block costs, in integer microseconds, as a node's record announces it. */
export interface PageBlockSpeed {
  readonly decodeMicrosPerBlock: number
  /** What each 1,024 cached positions add to one row. */
  readonly decodeMicrosPer1024Past: number
  readonly prefillMicrosPerRowBlock: number
}

/** Rows of the timed chunk, which also fills the cache. */
const chunkRows = 64
/** Timed steps; the quickest counts. */
const repetitions = 6
/** Cached positions of the longer measurement. */
const longPast = 512

/** Times one block of the model's shape with seeded weights. Measurements of real steps correct it later. */
export function timeBlock(clock: Clock, manifest: Manifest, runtime: GraphRuntime): PageBlockSpeed {
  const { config, profile } = manifest
  const block = spanOf(config, { start: 0, end: 1 }, profile.kv)
  const loaded = loadBlock({ block, experts: null, profile, weights: seededWeights }, (model) =>
    runtime.load(model),
  )
  const computer = loaded.computer('none')
  const rows = Math.max(1, Math.min(chunkRows, config.contextLength - repetitions - 1))
  const chunk = seededValues(1, rows * config.hiddenSize, 1)
  const row = chunk.subarray(0, config.hiddenSize)
  const timed = (work: () => void): number => {
    const from = clock.nowMs()
    work()
    return clock.nowMs() - from
  }
  const stepMs = (past: number): number => {
    const cache = createKeyValueCache(block, past + rows)
    while (cache.length + rows <= past) computer.forward(cache, chunk)
    const times = Array.from({ length: repetitions }, () => {
      cache.truncate(Math.max(0, past - 1))
      return timed(() => computer.forward(cache, row))
    })
    return Math.min(...times)
  }
  const prefillMs = Math.min(
    ...[0, 1].map(() => timed(() => computer.forward(createKeyValueCache(block, rows), chunk))),
  )
  const past = Math.min(longPast, config.contextLength - rows - 1)
  const [short, long] = [stepMs(rows), past > rows ? stepMs(past) : null]
  loaded.release()
  const slope = long === null ? 0 : Math.max(0, long - short) / (past - rows)
  const micros = (ms: number): number => Math.max(1, Math.round(ms * 1000))
  return {
    decodeMicrosPerBlock: micros(short - slope * rows),
    decodeMicrosPer1024Past: Math.round(slope * 1024 * 1000),
    prefillMicrosPerRowBlock: micros(prefillMs / rows),
  }
}

/** Small weights: denormal values and infinities would be computed at another speed. */
const seededWeights: WeightSource = (name, type, shape) => {
  const count = shape.reduce((product, size) => product * size, 1)
  if (type === 'u8') return { bytes: seededBytes(seedOf(name), count) }
  const values = seededValues(seedOf(name), count, 0.01)
  return { bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}
