import { formatProfile, type ModelConfig, type NumericProfile } from '@shoal/model'
import { createHash } from 'node:crypto'
import { version as runtimeVersion } from 'onnxruntime-node/dist/version.js'
import { keyValueNames } from '../onnx/graph/attention.ts'
import { createKeyValueCache, type KeyValueCache } from '../onnx/computers/key-value-cache.ts'
import type { WeightSource } from '../onnx/graph/linear.ts'
import type { NativeGate } from '../onnx/thread/native-gate.ts'
import { loadSession } from '../onnx/computers/inference-session.ts'
import { createSpanComputer, type SpanComputer } from '../onnx/computers/span-computer.ts'
import { generatorVersion, spanGraph } from '../onnx/graph/span-graph.ts'
import { noNumericClass } from './no-numeric-class.ts'
import { seededBytes, seededValues, seedOf } from './seeded-values.ts'

/** Two blocks, so that both kinds of norm are met. */
const range = { start: 0, end: 2 }

/**
 * Keys before the probed rows. Flash attention works in blocks whose length depends on the CPU's second-level cache
 * (512 at head size 64 and 1 MiB): 300 stays in one, 1100 needs several.
 */
const pasts = [0, 300, 1100]

/** Even, as every padding leaves them alone; 66 exceeds one query block at head size 32. */
const rowCounts = [2, 66]

/**
 * The numeric class of this machine for a model's format: peers of one class compute the same bits from the same bytes.
 *
 * A hash over the versions, the profile and the outputs of a seeded model with the given one's operators (head size,
 * biases, norms, window), the same on every machine. It depends neither on weights, nor on the blocks a peer holds, nor
 * on its threads: with more than one, the outputs must equal those of one, else the class is {@link noNumericClass}.
 */
export function fixedProbe(
  model: ModelConfig,
  profile: NumericProfile,
  threads: number,
  gate: NativeGate,
): string {
  const outputs = probeOutputs(model, profile, 1, gate)
  if (threads > 1 && probeOutputs(model, profile, threads, gate) !== outputs) return noNumericClass
  const parts = [
    runtimeVersion,
    generatorVersion,
    formatProfile(profile),
    profile.accuracyLevel,
    profile.graphForm,
    outputs,
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

function probeOutputs(
  model: ModelConfig,
  profile: NumericProfile,
  threads: number,
  gate: NativeGate,
): string {
  const config = probeConfig(model)
  const session = loadSession(spanGraph({ config, profile, range, head: false, weights: seededWeights }), {
    folder: '.',
    threads,
    gate,
  })
  const computer = createSpanComputer(session, config, range, 'none')
  const hash = createHash('sha256')
  for (const past of pasts) {
    for (const rows of rowCounts)
      probeRows(computer, config, past, rows).forEach((values) => hash.update(words(values)))
  }
  session.release()
  return hash.digest('hex')
}

/** Small but with every kernel's odd ends: columns that fill neither a block of 32 nor one of 128. */
function probeConfig(model: ModelConfig): ModelConfig {
  return {
    ...model,
    hiddenSize: 1056,
    feedForwardSize: 172,
    blockCount: range.end,
    headCount: 4,
    keyValueHeadCount: 2,
    vocabularySize: 1,
    contextLength: 2048,
  }
}

function probeRows(computer: SpanComputer, config: ModelConfig, past: number, rows: number): Float32Array[] {
  const cache = createKeyValueCache(config, range, past + rows)
  if (past > 0) fillPast(cache, config, past)
  const hidden = computer.forward(cache, seededValues(past + rows, rows * config.hiddenSize, 1))
  return [hidden, cache.export()]
}

function fillPast(cache: KeyValueCache, config: ModelConfig, past: number): void {
  const length = config.keyValueHeadCount * past * config.headSize
  const fresh: Record<string, Float32Array> = {}
  for (let block = range.start; block < range.end; block += 1) {
    const { newKey, newValue } = keyValueNames(block)
    for (const name of [newKey, newValue]) fresh[name] = seededValues(seedOf(`${name}/${past}`), length, 1)
  }
  cache.feeds(past)
  cache.append(fresh, past)
}

/** Matrices scaled so that activations keep their size; norms around one. */
const seededWeights: WeightSource = (name, type, shape) => {
  const count = shape.reduce((product, size) => product * size, 1)
  const seed = seedOf(name)
  if (type === 'u8') return { bytes: seededBytes(seed, count) }
  if (name.endsWith('.scale')) return { bytes: words(seededValues(seed, count, 0.005)) }
  if (name.endsWith('-norm'))
    return { bytes: words(seededValues(seed, count, 0.2).map((value) => 1 + value)) }
  return { bytes: words(seededValues(seed, count, 0.05)) }
}

function words(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
