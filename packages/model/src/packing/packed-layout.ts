import type { BlockRange, ModelConfig } from '../families/config.ts'
import { ModelError } from '../error.ts'
import type { PackedType, UnitName } from '../manifest/manifest.ts'
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
 * What becomes packed tensors: a vector stays float32; a matrix `[rows, columns]` is packed by the profile, into
 * `X` alone (f32) or `X` and its scales (int4, int8). `sources` are stacked row-wise.
 */
export interface PackedSource {
  readonly name: string
  readonly unit: UnitName
  readonly kind: 'vector' | 'matrix'
  /** `[length]` of a vector, `[rows, columns]` of a matrix. */
  readonly shape: readonly number[]
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

/** The table of docs/packing.md for one unit, in file order. */
export function packedSources(config: ModelConfig, unit: UnitName): PackedSource[] {
  const { hiddenSize, feedForwardSize, headCount, keyValueHeadCount, headSize, vocabularySize } = config
  const vector = (name: string, length: number, source: string): PackedSource => ({
    name: `${unit}.${name}`,
    unit,
    kind: 'vector',
    shape: [length],
    sources: [{ name: source, rows: length }],
  })
  const matrix = (
    name: string,
    columns: number,
    sources: readonly (readonly [string, number])[],
  ): PackedSource => ({
    name: `${unit}.${name}`,
    unit,
    kind: 'matrix',
    shape: [sources.reduce((sum, [, rows]) => sum + rows, 0), columns],
    sources: sources.map(([source, rows]) => ({ name: source, rows })),
  })
  if (unit === 'embed') return [matrix('weight', hiddenSize, [['model.embed_tokens.weight', vocabularySize]])]
  if (unit === 'head') {
    const norm = vector('norm', hiddenSize, 'model.norm.weight')
    return config.tiedEmbeddings
      ? [norm]
      : [norm, matrix('weight', hiddenSize, [['lm_head.weight', vocabularySize]])]
  }
  const prefix = `model.layers.${blockIndex(config, unit)}`
  const queryRows = headCount * headSize
  const keyValueRows = keyValueHeadCount * headSize
  const qkv = [
    ['q', queryRows],
    ['k', keyValueRows],
    ['v', keyValueRows],
  ] as const
  const bias: PackedSource = {
    name: `${unit}.qkv.bias`,
    unit,
    kind: 'vector',
    shape: [queryRows + 2 * keyValueRows],
    sources: qkv.map(([part, rows]) => ({ name: `${prefix}.self_attn.${part}_proj.bias`, rows })),
  }
  const queryKeyNorm = [
    vector('query-norm', headSize, `${prefix}.self_attn.q_norm.weight`),
    vector('key-norm', headSize, `${prefix}.self_attn.k_norm.weight`),
  ]
  return [
    vector('attention-norm', hiddenSize, `${prefix}.input_layernorm.weight`),
    matrix(
      'qkv.weight',
      hiddenSize,
      qkv.map(([part, rows]) => [`${prefix}.self_attn.${part}_proj.weight`, rows] as const),
    ),
    ...(config.attentionBias ? [bias] : []),
    ...(config.queryKeyNorm ? queryKeyNorm : []),
    matrix('output.weight', queryRows, [[`${prefix}.self_attn.o_proj.weight`, hiddenSize]]),
    vector('feed-forward-norm', hiddenSize, `${prefix}.post_attention_layernorm.weight`),
    matrix('gate-up.weight', hiddenSize, [
      [`${prefix}.mlp.gate_proj.weight`, feedForwardSize],
      [`${prefix}.mlp.up_proj.weight`, feedForwardSize],
    ]),
    matrix('down.weight', feedForwardSize, [[`${prefix}.mlp.down_proj.weight`, hiddenSize]]),
  ]
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
  let end = 0
  return packedSources(config, unit).flatMap((source) =>
    packedParts(source, profile).map((part) => {
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

function packedParts(source: PackedSource, profile: NumericProfile): Omit<PackedTensor, 'unit' | 'offset'>[] {
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
