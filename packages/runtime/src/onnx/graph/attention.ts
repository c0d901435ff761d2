import { cachedRows, type AttentionSpec, type BlockSpec, type CachedRows } from '@shoal/model'
import { turningPairs } from '../../rope.ts'
import { normalisedHeads, normHeads, splitHeads } from './heads.ts'
import { microsoft } from './model-proto.ts'
import { vector, type WeightedGraph } from './linear.ts'
import { dequantised, roundedRows } from './rounded-heads.ts'

/**
 * Zero rows behind the real ones in every attention call (rule R2 of docs/numerics.md). A single query row is computed by
 * another kernel, and four-lane kernels add up the last (length mod 4) columns in another order than the rest. Three
 * padding rows, whose results are dropped, keep every real row out of both.
 */
export const paddingRows = 3

/** The operator itself applies the rotary embedding only to heads whose size is a multiple of this, and to such parts of heads. */
const rotationMultiple = 16

export const attentionInputs = {
  /** int32 `[1]`: keys behind the last padding row. */
  lastKey: 'last-key',
  /** int32 `[]`: keys including the padding rows. */
  keyCount: 'key-count',
  /** int64 `[1]`: positions before this call. */
  newStart: 'new-start',
  /** int64 `[1]`: positions after this call. */
  newEnd: 'new-end',
  cosines: 'cosines',
  sines: 'sines',
  /** Cosines and sines of queries, in models whose queries grow with their position. */
  queryCosines: 'query-cosines',
  querySines: 'query-sines',
} as const

/** Declares the inputs that all blocks of a graph share. */
export function declareAttentionInputs({ builder }: WeightedGraph, attention: AttentionSpec): void {
  builder.input(attentionInputs.lastKey, 'int32', [1])
  builder.input(attentionInputs.keyCount, 'int32', [])
  builder.input(attentionInputs.newStart, 'int64', [1])
  builder.input(attentionInputs.newEnd, 'int64', [1])
  const { rope, headSize } = attention
  if (rope === null) return
  const shape = ['positions', turningPairs({ rope, headSize })]
  builder.input(attentionInputs.cosines, 'float32', shape)
  builder.input(attentionInputs.sines, 'float32', shape)
  if (rope.queryScale === undefined) return
  builder.input(attentionInputs.queryCosines, 'float32', shape)
  builder.input(attentionInputs.querySines, 'float32', shape)
}

/** Names of a block's keys and values as inputs and outputs of the graph. */
export function keyValueNames(block: number): {
  pastKey: string
  pastValue: string
  newKey: string
  newValue: string
} {
  return {
    pastKey: `past-key-${block}`,
    pastValue: `past-value-${block}`,
    newKey: `new-key-${block}`,
    newValue: `new-value-${block}`,
  }
}

/** The rows that a block's cache holds, with their names as inputs and outputs of the graph. */
export function cachedNames(
  attention: AttentionSpec,
  block: number,
): readonly (CachedRows & { readonly past: string; readonly fresh: string })[] {
  const { pastKey, newKey, pastValue, newValue } = keyValueNames(block)
  return cachedRows(attention).map((rows, index) => ({
    ...rows,
    ...(index === 0 ? { past: pastKey, fresh: newKey } : { past: pastValue, fresh: newValue }),
  }))
}

/** Name of the input with the scales of past keys or values in int8. */
export const scaleName = (past: string): string => `${past}-scale`

/**
 * Causal grouped-query attention of `qkv [rows, (H + 2·KV) · headSize]` over the fed past and itself.
 *
 * The past is fed as `[1, KV, capacity, headSize]`; only the new rows leave the graph, because the Node binding copies
 * every output: copying whole caches would halve decoding. A past in int8 is fed as codes and scales, and is float32 for
 * as long as this block computes.
 *
 * @param block index in the model
 * @returns `[rows, H · headSize]`
 */
export function attention(graph: WeightedGraph, spec: BlockSpec, block: number, qkv: string): string {
  const { builder } = graph
  const { headCount, keyValueHeadCount, headSize, window, queryKeyNorm, sinks } = spec.attention
  const names = keyValueNames(block)
  const pastKey = past(graph, spec, names.pastKey)
  const pastValue = past(graph, spec, names.pastValue)

  const rotateInside = rotatesInside(graph, spec.attention)
  const packed =
    graph.profile.kv === 'f32' && queryKeyNorm === null && (rotateInside || spec.attention.rope === null)
  const [query, key, value] = packed ? [batched(graph, qkv), '', ''] : preparedHeads(graph, spec, block, qkv)
  const { lastKey, keyCount, cosines, sines } = attentionInputs
  const tables = rotateInside ? [cosines, sines] : []
  // Inputs 7 to 10 are the tables, position ids and a bias of the scores.
  const [cosineTable = '', sineTable = ''] = tables
  const more =
    sinks === true
      ? [cosineTable, sineTable, '', '', vector(graph, `block-${block}.sinks`, headCount)]
      : tables
  const [attended, presentKey, presentValue] = builder.nodes(
    'GroupQueryAttention',
    [query, key, value, pastKey, pastValue, lastKey, keyCount, ...more],
    ['attended', 'present-key', 'present-value'],
    {
      num_heads: headCount,
      kv_num_heads: keyValueHeadCount,
      scale: { float: 1 / spec.attention.scoreDivisor },
      do_rotary: rotateInside ? 1 : 0,
      rotary_interleaved: rotateInside ? interleaved(spec.attention) : 0,
      // Counts the query itself, as AttentionSpec.window does.
      local_window_size: window ?? -1,
      softcap: { float: spec.attention.softCap ?? 0 },
    },
    microsoft,
  )
  if (attended === undefined || presentKey === undefined || presentValue === undefined)
    throw new Error('GroupQueryAttention needs three outputs')
  const positionAxis = builder.integers('axis-2', [2])
  for (const [present, name] of [
    [presentKey, names.newKey],
    [presentValue, names.newValue],
  ] as const) {
    const rows = builder.node('Slice', [
      present,
      attentionInputs.newStart,
      attentionInputs.newEnd,
      positionAxis,
    ])
    builder.output(rows, name, 'float32', [1, keyValueHeadCount, 'new', headSize])
  }
  const unbatched = builder.node('Squeeze', [attended, builder.integers('axis-0', [0])])
  return builder.node('Slice', [
    unbatched,
    builder.integers('from-start', [0]),
    builder.integers('padding-end', [-paddingRows]),
    builder.integers('axis-0', [0]),
  ])
}

/** Declares the past keys or values of a block. @returns float32 `[1, KV, capacity, headSize]` */
function past(graph: WeightedGraph, { attention }: BlockSpec, name: string): string {
  const { builder, profile } = graph
  const { keyValueHeadCount, headSize } = attention
  if (profile.kv === 'f32')
    return builder.input(name, 'float32', [1, keyValueHeadCount, 'capacity', headSize])
  const codes = builder.input(name, 'int8', ['heads-of-positions', headSize])
  const scales = builder.input(scaleName(name), 'float32', ['heads-of-positions'])
  const shape = builder.integers('shape-past', [1, keyValueHeadCount, -1, headSize])
  return builder.node('Reshape', [dequantised(graph, codes, scales), shape])
}

/** `[rows, width]` → `[1, rows + padding, width]`: adds the batch axis of attention, and the zero rows of rule R2. */
function batched({ builder }: WeightedGraph, rows: string, width?: number): string {
  const zeros = width === undefined ? 'zero-rows' : `zero-rows-${width}`
  return builder.node('Unsqueeze', [
    builder.node('Concat', [rows, zeros], { axis: 0 }),
    builder.integers('axis-0', [0]),
  ])
}

/** Whether the attention operator itself rotates q and k: both alike, and last, so not before keys are rounded. */
function rotatesInside({ profile }: WeightedGraph, { headSize, rope, queryKeyNorm }: AttentionSpec): boolean {
  return (
    profile.kv === 'f32' &&
    rope !== null &&
    rope.queryScale === undefined &&
    headSize % rotationMultiple === 0 &&
    (2 * turningPairs({ rope, headSize })) % rotationMultiple === 0 &&
    queryKeyNorm !== 'rotated-head'
  )
}

const interleaved = ({ rotatedPairs }: AttentionSpec): number => (rotatedPairs === 'neighbours' ? 1 : 0)

/** q, k and v as separate inputs: for norms of heads, and for heads that must be rotated before the operator. */
function preparedHeads(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  qkv: string,
): [string, string, string] {
  const { headCount, keyValueHeadCount, headSize } = spec.attention
  const [query, key, value] = splitHeads(graph, spec, qkv)
  const prepare = (part: 'query' | 'key', rows: string, heads: number): string => {
    const padded = batched(graph, normalisedHeads(graph, spec, block, part, rows), heads * headSize)
    const rotated = rotatedHeads(graph, spec.attention, part, padded, heads)
    if (spec.attention.queryKeyNorm !== 'rotated-head') return rotated
    // The norm loses the batch axis.
    const normed = normHeads(graph, spec, heads, rotated, `block-${block}.${part}-norm`)
    return graph.builder.node('Unsqueeze', [normed, graph.builder.integers('axis-0', [0])])
  }
  const kept = (rows: string): string =>
    graph.profile.kv === 'f32' ? rows : roundedRows(graph, rows, keyValueHeadCount, headSize)
  return [
    prepare('query', query, headCount),
    kept(prepare('key', key, keyValueHeadCount)),
    kept(batched(graph, value, keyValueHeadCount * headSize)),
  ]
}

/** Rotates heads in front of the operator, where the operator does not. */
function rotatedHeads(
  graph: WeightedGraph,
  attention: AttentionSpec,
  part: 'query' | 'key',
  rows: string,
  heads: number,
): string {
  const { builder } = graph
  const { rope, headSize } = attention
  if (rope === null || rotatesInside(graph, attention)) return rows
  const scaled = part === 'query' && rope.queryScale !== undefined
  const { newStart, cosines, sines, queryCosines, querySines } = attentionInputs
  // A single position id is the offset of the first row.
  return builder.contrib(
    'RotaryEmbedding',
    [rows, newStart, scaled ? queryCosines : cosines, scaled ? querySines : sines],
    {
      num_heads: heads,
      interleaved: interleaved(attention),
      ...(rope.dimensions === undefined
        ? {}
        : { rotary_embedding_dim: 2 * turningPairs({ rope, headSize }) }),
    },
  )
}

/** Declares the zero rows, once per graph. */
export function declareZeroRows({ builder }: WeightedGraph, attention: AttentionSpec): void {
  if (attention.convolution !== undefined) return
  const { headCount, keyValueHeadCount, headSize } = attention
  const zeros = (name: string, width: number): void => {
    const bytes = new Uint8Array(paddingRows * width * 4)
    builder.constant({ name, type: 'float32', shape: [paddingRows, width], data: { bytes } })
  }
  zeros('zero-rows', (headCount + 2 * keyValueHeadCount) * headSize)
  zeros(`zero-rows-${headCount * headSize}`, headCount * headSize)
  zeros(`zero-rows-${keyValueHeadCount * headSize}`, keyValueHeadCount * headSize)
}
