import { seededRandom } from '@shoal/host'
import {
  identifyManifest,
  packedTensors,
  parseProfile,
  sha256Hex,
  type IdentifiedManifest,
  type ModelConfig,
  type PackedTensor,
  manifestVersion,
} from '@shoal/model'
import { createDevice, type Device } from '@shoal/runtime'

/** A model with random weights that is small enough for a simulation. */
export interface TinyModel {
  readonly manifest: IdentifiedManifest
  /** Bytes of packed tensors, by hash. */
  readonly blobs: ReadonlyMap<string, Uint8Array>
  /** The device over these weights, which every life of every node wraps. */
  readonly device: Device
}

/**
 * `tiny` serves most scenarios. `deep` has enough blocks for many nodes, and so thin that a token costs no more. `heavy` has
 * blocks whose weights outweigh their caches, as in real models, so that a node cannot hold two spans at once. `large` has
 * as many blocks as a 70B model, of 256 bytes each, and runs with the cost runner only.
 */
export type TinyModelName = 'tiny' | 'deep' | 'heavy' | 'large'

/** `reference` computes; `cost` takes the same virtual time and gives numbers that depend on the same inputs. */
export const runnerNames = ['reference', 'cost'] as const
export type RunnerName = (typeof runnerNames)[number]

const shapes: Readonly<
  Record<
    TinyModelName,
    Pick<
      ModelConfig,
      'hiddenSize' | 'feedForwardSize' | 'blockCount' | 'headCount' | 'headSize' | 'contextLength'
    >
  >
> = {
  tiny: { hiddenSize: 16, feedForwardSize: 24, blockCount: 8, headCount: 2, headSize: 8, contextLength: 320 },
  deep: { hiddenSize: 8, feedForwardSize: 8, blockCount: 32, headCount: 1, headSize: 8, contextLength: 320 },
  heavy: {
    hiddenSize: 16,
    feedForwardSize: 512,
    blockCount: 8,
    headCount: 2,
    headSize: 8,
    contextLength: 320,
  },
  large: { hiddenSize: 4, feedForwardSize: 2, blockCount: 80, headCount: 1, headSize: 2, contextLength: 640 },
}

const configOf = (name: TinyModelName): ModelConfig => ({
  ...shapes[name],
  family: 'llama',
  keyValueHeadCount: 1,
  vocabularySize: 64,
  normEpsilon: 1e-5,
  rope: { theta: 10_000, scaling: null },
  slidingWindow: null,
  attentionBias: false,
  queryKeyNorm: false,
  tiedEmbeddings: true,
  bosTokenId: null,
  eosTokenIds: [],
})

const made = new Map<string, Promise<TinyModel>>()

/** The model of a name, made once per process: its weights depend on fixed seeds and not on the run's. */
export function tinyModel(name: TinyModelName, runner: RunnerName): Promise<TinyModel> {
  const key = `${name} ${runner}`
  const known = made.get(key) ?? make(name, runner)
  made.set(key, known)
  return known
}

async function make(model: TinyModelName, runner: RunnerName): Promise<TinyModel> {
  const config = configOf(model)
  const profile = parseProfile('f32')
  const bytes = new Map(packedTensors(config, profile).map((tensor) => [tensor.name, randomTensor(tensor)]))
  const tensors = packedTensors(config, profile).map(({ name, type, shape, offset, bytes: length }) => ({
    name,
    type,
    shape,
    offset,
    bytes: length,
    sha256: sha256Hex(bytes.get(name) ?? new Uint8Array()),
  }))
  const manifest = identifyManifest({
    version: manifestVersion,
    name: model,
    config,
    profile,
    assets: [],
    tensors,
  })
  const readTensor = (name: string, offset: number, length: number): Promise<Uint8Array> =>
    Promise.resolve((bytes.get(name) ?? new Uint8Array()).slice(offset, offset + length))
  const device = await createDevice({
    kind: runner === 'cost' ? 'mixing' : 'reference',
    manifest,
    readTensor,
  })
  return {
    manifest,
    blobs: new Map(tensors.map(({ name, sha256 }) => [sha256, bytes.get(name) ?? new Uint8Array()])),
    device,
  }
}

/** Random weights, scaled so that activations keep their magnitude from block to block. */
function randomTensor({ name, shape, bytes }: PackedTensor): Uint8Array {
  const random = seededRandom(
    new TextEncoder().encode(name).reduce((seed, byte) => Math.imul(seed ^ byte, 0x01000193), 0x811c9dc5),
  )
  const columns = shape[1] ?? 1
  const values = Float32Array.from({ length: bytes / 4 }, () => {
    const value = random.unit() * 2 - 1
    return name.endsWith('norm') ? 1 + 0.2 * value : (value * 1.7) / Math.sqrt(columns)
  })
  return new Uint8Array(values.buffer)
}
