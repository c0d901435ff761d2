import {
  formatOf,
  manifestVersion,
  packedTensors,
  type IdentifiedManifest,
  type ModelConfig,
  type PackedTensor,
} from '@shoal/model'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededBytes, seededValues, seedOf } from '../probe/seeded-values.ts'
import { profileNamed } from './profile-named.ts'
import type { PackedModel } from './packed-model.ts'

/** A Llama of any size. */
export const smallLlama: ModelConfig = {
  family: 'llama',
  hiddenSize: 64,
  feedForwardSize: 160,
  blockCount: 2,
  headCount: 4,
  keyValueHeadCount: 2,
  headSize: 16,
  vocabularySize: 64,
  contextLength: 4096,
  normEpsilon: 1e-5,
  rope: { theta: 10_000, scaling: null },
  slidingWindow: null,
  attentionBias: false,
  queryKeyNorm: false,
  tiedEmbeddings: true,
  bosTokenId: null,
  eosTokenIds: [],
}

/** A packed model whose every tensor has seeded values of its own, scaled so that activations keep their size. */
export function randomModel(config: ModelConfig, profileName: string): PackedModel {
  const profile = profileNamed(profileName)
  const layout = packedTensors(config, profile)
  const units = new Map<string, Uint8Array>()
  const end = (unit: string): number =>
    Math.max(...layout.filter((tensor) => tensor.unit === unit).map((tensor) => tensor.offset + tensor.bytes))
  for (const tensor of layout) {
    const file = units.get(tensor.unit) ?? new Uint8Array(end(tensor.unit))
    file.set(randomTensor(tensor, formatOf(profile, tensor.name).weights === 'int4' ? 8 : 128), tensor.offset)
    units.set(tensor.unit, file)
  }
  const tensors = layout.map(({ name, type, shape, offset, bytes, unit }) => ({
    name,
    type,
    shape,
    offset,
    bytes,
    sha256: createHash('sha256')
      .update((units.get(unit) ?? new Uint8Array()).subarray(offset, offset + bytes))
      .digest('hex'),
  }))
  const manifest: IdentifiedManifest = {
    id: 'random',
    bytes: new Uint8Array(),
    manifest: { version: manifestVersion, name: 'random', config, profile, assets: [], tensors },
  }
  const folder = mkdtempSync(join(tmpdir(), 'shoal-runtime-'))
  for (const [unit, bytes] of units) writeFileSync(join(folder, `${unit}.bin`), bytes)
  return {
    manifest,
    folder,
    async read(tensorName, offset, length) {
      const tensor = layout.find(({ name }) => name === tensorName)
      const start = (tensor?.offset ?? Number.NaN) + offset
      return (units.get(tensor?.unit ?? '') ?? new Uint8Array()).slice(start, start + length)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function randomTensor({ name, type, shape, bytes }: PackedTensor, zeroPoint: number): Uint8Array {
  const seed = seedOf(name)
  if (type === 'u8') return seededBytes(seed, bytes)
  const columns = shape[1] ?? 1
  const values = seededValues(seed, bytes / 4, 1)
  const scaled = name.endsWith('norm')
    ? values.map((value) => 1 + 0.2 * value)
    : // Scales: a uniform code of n levels around zero has a deviation of n / √3; a matrix keeps size at 1 / √columns.
      values.map((value) =>
        name.endsWith('.offset')
          ? value / 2 / Math.sqrt(columns * 32)
          : name.endsWith('.scale')
            ? (0.5 + Math.abs(value)) / zeroPoint / Math.sqrt(columns * 32)
            : (value * 1.7) / Math.sqrt(columns),
      )
  return new Uint8Array(scaled.buffer)
}
