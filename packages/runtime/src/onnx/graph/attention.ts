import type { AttentionSpec, BlockSpec } from '@shoal/model'
import { microsoft } from './model-proto.ts'
import { vector, type WeightedGraph } from './linear.ts'
import { norm } from './norm.ts'

/**
 * Zero rows behind the real ones in every attention call (rule R2 of docs/numerics.md). A single query row is computed by
 * another kernel, and four-lane kernels add up the last (length mod 4) columns in another order than the rest. Three
 * padding rows, whose results are dropped, keep every real row out of both.
 */
export const paddingRows = 3

/** The operator itself applies the rotary embedding only to heads whose size is a multiple of this. */
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
} as const

/** Declares the inputs that all blocks of a graph share. */
export function declareAttentionInputs({ builder }: WeightedGraph, { headSize }: AttentionSpec): void {
  builder.input(attentionInputs.lastKey, 'int32', [1])
  builder.input(attentionInputs.keyCount, 'int32', [])
  builder.input(attentionInputs.newStart, 'int64', [1])
  builder.input(attentionInputs.newEnd, 'int64', [1])
  builder.input(attentionInputs.cosines, 'float32', ['positions', headSize / 2])
  builder.input(attentionInputs.sines, 'float32', ['positions', headSize / 2])
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

/**
 * Causal grouped-query attention of `qkv [rows, (H + 2·KV) · headSize]` over the fed past and itself.
 *
 * The past is fed as `[1, KV, capacity, headSize]`; only the new rows leave the graph, because the Node binding copies
 * every output: copying whole caches would halve decoding.
 *
 * @param block index in the model
 * @returns `[rows, H · headSize]`
 */
export function attention(graph: WeightedGraph, spec: BlockSpec, block: number, qkv: string): string {
  const { builder } = graph
  const { headCount, keyValueHeadCount, headSize, window, queryKeyNorm } = spec.attention
  const names = keyValueNames(block)
  const cache = [1, keyValueHeadCount, 'capacity', headSize]
  builder.input(names.pastKey, 'float32', cache)
  builder.input(names.pastValue, 'float32', cache)

  const rotateInside = headSize % rotationMultiple === 0
  const packed = rotateInside && !queryKeyNorm
  const [query, key, value] = packed
    ? [batched(graph, qkv), '', '']
    : separateHeads(graph, spec, block, qkv, rotateInside)
  const { lastKey, keyCount, cosines, sines } = attentionInputs
  const tables = rotateInside ? [cosines, sines] : []
  const [attended, presentKey, presentValue] = builder.nodes(
    'GroupQueryAttention',
    [query, key, value, names.pastKey, names.pastValue, lastKey, keyCount, ...tables],
    ['attended', 'present-key', 'present-value'],
    {
      num_heads: headCount,
      kv_num_heads: keyValueHeadCount,
      scale: { float: 1 / Math.sqrt(headSize) },
      do_rotary: rotateInside ? 1 : 0,
      rotary_interleaved: 0,
      // Counts the query itself, as AttentionSpec.window does.
      local_window_size: window ?? -1,
      softcap: { float: 0 },
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

/** `[rows, width]` → `[1, rows + padding, width]`: adds the batch axis of attention, and the zero rows of rule R2. */
function batched({ builder }: WeightedGraph, rows: string, width?: number): string {
  const zeros = width === undefined ? 'zero-rows' : `zero-rows-${width}`
  return builder.node('Unsqueeze', [
    builder.node('Concat', [rows, zeros], { axis: 0 }),
    builder.integers('axis-0', [0]),
  ])
}

/** q, k and v as separate inputs: for RMSNorm per head, and for heads that must be rotated before the operator. */
function separateHeads(
  graph: WeightedGraph,
  { attention: { headCount, keyValueHeadCount, headSize, queryKeyNorm }, normEpsilon }: BlockSpec,
  block: number,
  qkv: string,
  rotateInside: boolean,
): [string, string, string] {
  const { builder } = graph
  const widths = [headCount * headSize, keyValueHeadCount * headSize, keyValueHeadCount * headSize]
  const [query = '', key = '', value = ''] = builder.nodes(
    'Split',
    [qkv, builder.integers('head-widths', widths)],
    ['query', 'key', 'value'],
    { axis: 1 },
  )
  const prepare = (rows: string, heads: number, normName: string): string => {
    const normed = queryKeyNorm
      ? normHeads(graph, { heads, headSize, normEpsilon }, rows, `block-${block}.${normName}`)
      : rows
    const padded = batched(graph, normed, heads * headSize)
    if (rotateInside) return padded
    // A single position id is the offset of the first row.
    return builder.contrib(
      'RotaryEmbedding',
      [padded, attentionInputs.newStart, attentionInputs.cosines, attentionInputs.sines],
      { num_heads: heads, interleaved: 0 },
    )
  }
  return [
    prepare(query, headCount, 'query-norm'),
    prepare(key, keyValueHeadCount, 'key-norm'),
    batched(graph, value, keyValueHeadCount * headSize),
  ]
}

/** RMSNorm over each head: `[rows, heads · headSize]` seen as `[rows · heads, headSize]`. */
function normHeads(
  graph: WeightedGraph,
  { heads, headSize, normEpsilon }: Readonly<Record<'heads' | 'headSize' | 'normEpsilon', number>>,
  rows: string,
  name: string,
): string {
  const { builder } = graph
  const perHead = builder.node('Reshape', [rows, builder.integers('shape-heads', [-1, headSize])])
  const weight = vector(graph, name, headSize)
  const { normed } = norm(graph, { hidden: perHead, branch: null }, weight, normEpsilon)
  return builder.node('Reshape', [normed, builder.integers(`shape-rows-${heads}`, [-1, heads * headSize])])
}

/** Declares the zero rows, once per graph. */
export function declareZeroRows({ builder }: WeightedGraph, attention: AttentionSpec): void {
  const { headCount, keyValueHeadCount, headSize } = attention
  const zeros = (name: string, width: number): void => {
    const bytes = new Uint8Array(paddingRows * width * 4)
    builder.constant({ name, type: 'float32', shape: [paddingRows, width], data: { bytes } })
  }
  zeros('zero-rows', (headCount + 2 * keyValueHeadCount) * headSize)
  zeros(`zero-rows-${headCount * headSize}`, headCount * headSize)
  zeros(`zero-rows-${keyValueHeadCount * headSize}`, keyValueHeadCount * headSize)
}
