import type { BlockSpec } from '../config/block-spec.ts'
import type { CheckpointNames } from '../config/checkpoint-names.ts'
import type { BlockRange, ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { blockSpec, familyNamed } from '../families/registry.ts'
import type { PackedType, UnitName } from '../manifest/manifest.ts'
import { blockTensors, type BlockTensor } from './block-tensors.ts'
import type { NumericProfile } from './profile.ts'

/** Tensors start at cache-line boundaries, so that a mapped file needs no copy. */
export const tensorAlignment = 64

/** One packed tensor before its bytes are known: everything that config and profile decide. */
export interface PackedTensor {
  /** e.g. `block-3.qkv.weight`. */
  readonly name: string
  readonly unit: UnitName
  readonly type: PackedType
  readonly shape: readonly number[]
  /** Byte offset in the unit's file, a multiple of {@link tensorAlignment}. */
  readonly offset: number
  readonly bytes: number
}

/**
 * A tensor before packing: a vector stays float32; the profile decides how a matrix is packed, into `X` alone (f32) or
 * into `X` and its scales (int4, int8).
 */
interface UnpackedTensor {
  readonly name: string
  readonly kind: 'vector' | 'matrix'
  /** `[length]` of a vector, `[rows, columns]` of a matrix. */
  readonly shape: readonly number[]
}

/** A tensor with the tensors of the checkpoint that it is made of, stacked row-wise. */
export interface PackedSource extends UnpackedTensor {
  readonly unit: UnitName
  readonly sources: readonly { readonly name: string; readonly rows: number }[]
}

/** `embed`, `block-0` … `block-(L-1)`, `head`. */
export function unitNames(config: ModelConfig): UnitName[] {
  return ['embed', ...Array.from({ length: config.blockCount }, (_, index) => `block-${index}`), 'head']
}

/** The units of blocks `[start, end)`. */
export function unitsOfRange(range: BlockRange): UnitName[] {
  return Array.from(
    { length: Math.max(0, range.end - range.start) },
    (_, index) => `block-${range.start + index}`,
  )
}

/** The unit that a packed tensor lives in: the part before the first dot. */
export function unitOf(tensorName: string): UnitName {
  return tensorName.slice(0, tensorName.indexOf('.'))
}

/**
 * What packing reads for one unit, in file order.
 * @throws {ModelError} `bad-request` for a unit that the model does not have
 */
export function packedSources(config: ModelConfig, unit: UnitName): PackedSource[] {
  const { checkpoint } = familyNamed(config.family)
  if (unit === 'embed' || unit === 'head') {
    const names = { 'head.norm': checkpoint.finalNorm, 'head.weight': checkpoint.head }
    return outerTensors(config, unit).map((tensor) => {
      const [rows = 0] = tensor.shape
      const name = unit === 'embed' ? checkpoint.embedding : names[tensor.name as keyof typeof names]
      return { ...tensor, unit, sources: [{ name, rows }] }
    })
  }
  const index = blockIndex(config, unit)
  return blockTensors(blockSpec(config, index)).map((tensor) => ({
    ...unpackedTensor(tensor, unit),
    unit,
    sources: checkpointParts(checkpoint, index, tensor),
  }))
}

/** The checkpoint's tensors whose rows, one after the other, are those of a block's tensor. */
function checkpointParts(
  checkpoint: CheckpointNames,
  index: number,
  { name, parts }: BlockTensor,
): { readonly name: string; readonly rows: number }[] {
  const names = checkpoint.block[name] ?? []
  const rows = names.length === 1 ? [parts.reduce((sum, part) => sum + part, 0)] : parts
  if (names.length !== rows.length) throw new Error(`the checkpoint names ${names.length} parts of ${name}`)
  return names.map((ending, part) => ({
    name: `${checkpoint.blockPrefix(index)}${ending}`,
    rows: rows[part] ?? 0,
  }))
}

/**
 * The packed tensors of a whole model, in unit order, then in file order. Pure: config and profile decide everything
 * but the bytes, so a manifest can be checked against it before a single offset in it is believed.
 */
export function packedTensors(config: ModelConfig, profile: NumericProfile): PackedTensor[] {
  return unitNames(config).flatMap((unit) => packedUnit(config, profile, unit))
}

/** The packed tensors of one unit, in file order. */
export function packedUnit(config: ModelConfig, profile: NumericProfile, unit: UnitName): PackedTensor[] {
  if (unit === 'embed' || unit === 'head') return placed(outerTensors(config, unit), profile, unit)
  return packedBlock(blockSpec(config, blockIndex(config, unit)), profile, unit)
}

/** The packed tensors of a block of this shape: also of a rank's share of one, which is never written to a file. */
export function packedBlock(spec: BlockSpec, profile: NumericProfile, unit: UnitName): PackedTensor[] {
  return placed(
    blockTensors(spec).map((tensor) => unpackedTensor(tensor, unit)),
    profile,
    unit,
  )
}

function placed(tensors: readonly UnpackedTensor[], profile: NumericProfile, unit: UnitName): PackedTensor[] {
  let end = 0
  return tensors.flatMap((tensor) =>
    packedParts(tensor, profile).map((part) => {
      const offset = Math.ceil(end / tensorAlignment) * tensorAlignment
      end = offset + part.bytes
      return { ...part, unit, offset }
    }),
  )
}

/** Size of a unit's file. */
export function unitBytes(config: ModelConfig, profile: NumericProfile, unit: UnitName): number {
  const last = packedUnit(config, profile, unit).at(-1)
  return last === undefined ? 0 : last.offset + last.bytes
}

function unpackedTensor({ name, parts, columns }: BlockTensor, unit: UnitName): UnpackedTensor {
  const rows = parts.reduce((sum, part) => sum + part, 0)
  return columns === null
    ? { name: `${unit}.${name}`, kind: 'vector', shape: [rows] }
    : { name: `${unit}.${name}`, kind: 'matrix', shape: [rows, columns] }
}

/** Embedding matrix; final norm and, unless it is tied to the embedding, the vocabulary projection. */
function outerTensors(
  { hiddenSize, vocabularySize, tiedEmbeddings }: ModelConfig,
  unit: 'embed' | 'head',
): UnpackedTensor[] {
  const matrix = { name: `${unit}.weight`, kind: 'matrix', shape: [vocabularySize, hiddenSize] } as const
  if (unit === 'embed') return [matrix]
  const norm = { name: 'head.norm', kind: 'vector', shape: [hiddenSize] } as const
  return tiedEmbeddings ? [norm] : [norm, matrix]
}

function packedParts(
  source: UnpackedTensor,
  profile: NumericProfile,
): Omit<PackedTensor, 'unit' | 'offset'>[] {
  const [rows = 0, columns] = source.shape
  if (columns === undefined || profile.weights === 'f32') {
    return [{ name: source.name, type: 'f32', shape: source.shape, bytes: 4 * rows * (columns ?? 1) }]
  }
  const blocks = Math.ceil(columns / profile.blockSize)
  const blockBytes = profile.weights === 'int4' ? profile.blockSize / 2 : profile.blockSize
  return [
    { name: source.name, type: 'u8', shape: [rows, blocks, blockBytes], bytes: rows * blocks * blockBytes },
    { name: scaleName(source.name), type: 'f32', shape: [rows, blocks], bytes: 4 * rows * blocks },
  ]
}

/** `X.weight` has its scales in `X.scale`. */
export function scaleName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.scale')
}

function blockIndex(config: ModelConfig, unit: UnitName): number {
  const index = /^block-(0|[1-9]\d{0,5})$/.exec(unit)?.[1]
  if (index === undefined || Number(index) >= config.blockCount) {
    throw new ModelError(
      'bad-request',
      `there is no unit '${unit}' in a model of ${config.blockCount} blocks`,
    )
  }
  return Number(index)
}
