import type { BlockSpec } from '../config/block-spec.ts'
import type { CheckpointNames } from '../config/checkpoint-names.ts'
import type { BlockRange, ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { blockSpec, blockSpecs, familyNamed, headSpec } from '../families/registry.ts'
import type { PackedType, UnitName } from '../manifest/manifest.ts'
import type { IndexRange } from '../splitting/block-split.ts'
import { blockTensors, expertTensors, type BlockTensor } from './block-tensors.ts'
import { blockBytesOf, type MatrixFormat } from './matrix-format.ts'
import { formatOf, type NumericProfile } from './profile.ts'

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
 * A tensor before packing: vectors and some matrices stay float32; the profile decides how any other matrix is packed, into
 * `X` alone (f32) or into `X` and its scales (int4, int8).
 */
interface UnpackedTensor {
  readonly name: string
  readonly kind: 'float' | 'matrix'
  /** `[length]` of a vector, `[rows, columns]` of a matrix. */
  readonly shape: readonly number[]
}

/** A tensor with the tensors of the checkpoint that it is made of, stacked row-wise. */
export interface PackedSource extends UnpackedTensor {
  readonly unit: UnitName
  readonly sources: readonly { readonly name: string; readonly rows: number }[]
}

/** `embed`, the units of every block, `head`. */
export function unitNames(config: ModelConfig): UnitName[] {
  return ['embed', ...unitsOfRange(config, { start: 0, end: config.blockCount }), 'head']
}

/** The units of blocks `[start, end)`: of each, `block-i`, then `block-i-expert-0` … where it has experts. */
export function unitsOfRange(config: ModelConfig, range: BlockRange): UnitName[] {
  return blockSpecs(config, range).flatMap(({ feedForward }, index) =>
    unitsOfBlock(range.start + index, {
      start: 0,
      end: feedForward.kind === 'experts' ? feedForward.count : 0,
    }),
  )
}

/** The units of blocks `[start, end)` with those of their experts that a rank has; null for all. */
export function unitsOfShare(
  config: ModelConfig,
  range: BlockRange,
  { experts }: { readonly experts: IndexRange | null },
): UnitName[] {
  if (experts === null) return unitsOfRange(config, range)
  return blockSpecs(config, range).flatMap(({ feedForward }, index) =>
    unitsOfBlock(range.start + index, feedForward.kind === 'experts' ? experts : { start: 0, end: 0 }),
  )
}

/** The units of a block with some of its experts. */
function unitsOfBlock(index: number, experts: IndexRange): UnitName[] {
  const unit = `block-${index}`
  return [unit, ...expertUnits(unit, experts)]
}

function expertUnits(unit: UnitName, { start, end }: IndexRange): UnitName[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => `${unit}-expert-${start + index}`)
}

/** The unit that a packed tensor lives in: the part before the first dot. */
export function unitOf(tensorName: string): UnitName {
  return tensorName.slice(0, tensorName.indexOf('.'))
}

/** The final norm's weights, which the unit `head` has beside a projection or without one. */
export function isHeadNorm(tensorName: string): boolean {
  return tensorName.startsWith('head.norm')
}

/**
 * What packing reads for one unit, in file order.
 * @throws {ModelError} `bad-request` for a unit that the model does not have
 */
export function packedSources(config: ModelConfig, unit: UnitName): PackedSource[] {
  const { checkpoint } = familyNamed(config.family)
  if (unit === 'embed' || unit === 'head') {
    const names = {
      'head.norm': checkpoint.finalNorm,
      'head.norm.bias': checkpoint.finalNormBias,
      'head.weight': checkpoint.head,
    }
    return outerTensors(config, unit).map((tensor) => {
      const [rows = 0] = tensor.shape
      const name = unit === 'embed' ? checkpoint.embedding : names[tensor.name as keyof typeof names]
      return { ...tensor, unit, sources: [{ name, rows }] }
    })
  }
  const place = blockPlace(config, unit)
  return tensorsAt(config, place).map((tensor) => ({
    ...unpackedTensor(tensor, unit),
    unit,
    sources: checkpointParts(checkpoint, place, tensor, hasConvolution(config, place.index)),
  }))
}

/** The checkpoint's tensors whose rows, one after the other, are those of a block's tensor. */
function checkpointParts(
  checkpoint: CheckpointNames,
  { index, expert }: BlockPlace,
  { name, parts }: BlockTensor,
  isConvolution: boolean,
): { readonly name: string; readonly rows: number }[] {
  const block: CheckpointNames['block'] =
    expert === null ? checkpoint.block : (checkpoint.expert?.(expert) ?? {})
  const names = (isConvolution ? checkpoint.convolution?.[name] : undefined) ?? block[name] ?? []
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
  return packedAs(tensorsAt(config, blockPlace(config, unit)), profile, unit)
}

/**
 * The packed tensors of a block of this shape, experts included: also of a rank's share of one, which is never written to a
 * file.
 * @param experts those that are wanted; all by default
 */
export function packedBlock(
  spec: BlockSpec,
  profile: NumericProfile,
  unit: UnitName,
  experts: IndexRange = {
    start: 0,
    end: spec.feedForward.kind === 'experts' ? spec.feedForward.count : 0,
  },
): PackedTensor[] {
  return [
    ...packedAs(blockTensors(spec), profile, unit),
    ...expertUnits(unit, experts).flatMap((expert) => packedAs(expertTensors(spec), profile, expert)),
  ]
}

function packedAs(tensors: readonly BlockTensor[], profile: NumericProfile, unit: UnitName): PackedTensor[] {
  return placed(
    tensors.map((tensor) => unpackedTensor(tensor, unit)),
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

/** Size of the files of blocks `[start, end)`, experts included. */
export function rangeBytes(config: ModelConfig, profile: NumericProfile, range: BlockRange): number {
  return unitsOfRange(config, range).reduce((sum, unit) => sum + unitBytes(config, profile, unit), 0)
}

function unpackedTensor({ name, parts, columns, float }: BlockTensor, unit: UnitName): UnpackedTensor {
  const rows = parts.reduce((sum, part) => sum + part, 0)
  return columns === null
    ? { name: `${unit}.${name}`, kind: 'float', shape: [rows] }
    : { name: `${unit}.${name}`, kind: float === true ? 'float' : 'matrix', shape: [rows, columns] }
}

/** Embedding matrix; final norm and, unless it is tied to the embedding, the vocabulary projection. */
function outerTensors(config: ModelConfig, unit: 'embed' | 'head'): UnpackedTensor[] {
  const { hiddenSize, vocabularySize, tiedEmbeddings } = config
  const matrix = { name: `${unit}.weight`, kind: 'matrix', shape: [vocabularySize, hiddenSize] } as const
  if (unit === 'embed') return [matrix]
  const vector = (name: string) => ({ name, kind: 'float', shape: [hiddenSize] }) as const
  const norm = [vector('head.norm')]
  if (headSpec(config).norm === 'biased-layer') norm.push(vector('head.norm.bias'))
  return tiedEmbeddings ? norm : [...norm, matrix]
}

function packedParts(
  source: UnpackedTensor,
  profile: NumericProfile,
): Omit<PackedTensor, 'unit' | 'offset'>[] {
  const [rows = 0, columns] = source.shape
  const format = formatOf(profile, source.name)
  if (columns === undefined || source.kind === 'float' || format.weights === 'f32') {
    return [{ name: source.name, type: 'f32', shape: source.shape, bytes: 4 * rows * (columns ?? 1) }]
  }
  const blocks = Math.ceil(columns / format.blockSize)
  const blockBytes = blockBytesOf(format)
  return [
    { name: source.name, type: 'u8', shape: [rows, blocks, blockBytes], bytes: rows * blocks * blockBytes },
    ...partEndings(format).map(
      (ending) =>
        ({
          name: source.name.replace(/\.weight$/, ending),
          type: 'f32',
          shape: [rows, blocks],
          bytes: 4 * rows * blocks,
        }) as const,
    ),
  ]
}

/** What `X.weight` in a quantised format has beside it: `X.scale`, and `X.offset` where blocks have offsets. */
function partEndings({ offsets }: MatrixFormat): readonly string[] {
  return offsets === true ? ['.scale', '.offset'] : ['.scale']
}

/** The names of what a tensor is packed into. */
export function packedNames(
  { name, kind }: Pick<PackedSource, 'name' | 'kind'>,
  format: MatrixFormat,
): string[] {
  if (kind === 'float' || format.weights === 'f32') return [name]
  return [name, ...partEndings(format).map((ending) => name.replace(/\.weight$/, ending))]
}

/** The part of a block that a unit holds: one of its experts, or everything else. */
interface BlockPlace {
  readonly index: number
  readonly expert: number | null
}

function blockPlace(config: ModelConfig, unit: UnitName): BlockPlace {
  const [, block, expert] = /^block-(0|[1-9]\d{0,5})(?:-expert-(0|[1-9]\d{0,5}))?$/.exec(unit) ?? []
  const place = { index: Number(block), expert: expert === undefined ? null : Number(expert) }
  if (!(place.index < config.blockCount) || (place.expert ?? -1) >= expertCount(config, place.index)) {
    throw new ModelError(
      'bad-request',
      `there is no unit '${unit}' in a model of ${config.blockCount} blocks`,
    )
  }
  return place
}

function hasConvolution(config: ModelConfig, index: number): boolean {
  return blockSpec(config, index).attention.convolution !== undefined
}

function expertCount(config: ModelConfig, index: number): number {
  const { feedForward } = blockSpec(config, index)
  return feedForward.kind === 'experts' ? feedForward.count : 0
}

function tensorsAt(config: ModelConfig, { index, expert }: BlockPlace): BlockTensor[] {
  const spec = blockSpec(config, index)
  return expert === null ? blockTensors(spec) : expertTensors(spec)
}
