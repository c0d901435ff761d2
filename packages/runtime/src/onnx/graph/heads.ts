import { projectedRows, type BlockSpec, type IndexRange } from '@shoal/model'
import { vector, type WeightedGraph } from './linear.ts'
import { norm, plainLayerNorm } from './norm.ts'

/** q, k and v of a block, `[rows, heads · headSize]` each. */
export function splitHeads(
  { builder }: WeightedGraph,
  { attention }: BlockSpec,
  qkv: string,
): [query: string, key: string, value: string] {
  const [query = '', key = '', value = ''] = builder.nodes(
    'Split',
    [qkv, builder.integers('head-widths', projectedRows(attention))],
    ['query', 'key', 'value'],
    { axis: 1 },
  )
  return [query, key, value]
}

/** q or k, normalised where the block does so before rotation, and reduced to the heads that a rank goes on with. */
export function normalisedHeads(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  part: 'query' | 'key',
  rows: string,
): string {
  const { headCount, keyValueHeadCount, queryKeyNorm, projected } = spec.attention
  if (queryKeyNorm === null || queryKeyNorm === 'rotated-head') return rows
  const all = projected ?? { headCount, keyValueHeadCount, heads: undefined, keyValueHeads: undefined }
  const heads = part === 'query' ? all.headCount : all.keyValueHeadCount
  const own = part === 'query' ? all.heads : all.keyValueHeads
  return ownHeads(graph, spec, normHeads(graph, spec, heads, rows, `block-${block}.${part}-norm`), own)
}

/** @param rows `[rows, heads · headSize]`, or such rows behind a batch axis, which is lost */
export function normHeads(
  graph: WeightedGraph,
  { normEpsilon: epsilon, attention: { headSize, queryKeyNorm } }: BlockSpec,
  heads: number,
  rows: string,
  name: string,
): string {
  const { builder } = graph
  const width = heads * headSize
  if (queryKeyNorm === 'all-heads')
    return norm(graph, { hidden: rows, branch: null }, { kind: 'rms', name, size: width, epsilon }).normed
  const perHead = builder.node('Reshape', [rows, builder.integers('shape-heads', [-1, headSize])])
  const unshaped = (normed: string): string =>
    builder.node('Reshape', [normed, builder.integers(`shape-rows-${heads}`, [-1, width])])
  if (queryKeyNorm === 'layer-of-head') {
    const plain = unshaped(plainLayerNorm(graph, perHead, headSize, epsilon))
    return builder.node('Mul', [plain, vector(graph, name, width)])
  }
  const residual = { hidden: perHead, branch: null }
  return unshaped(norm(graph, residual, { kind: 'rms', name, size: headSize, epsilon }).normed)
}

/** The heads of a rank out of all of them. */
function ownHeads(
  { builder }: WeightedGraph,
  { attention: { headSize } }: BlockSpec,
  rows: string,
  own: IndexRange | undefined,
): string {
  if (own === undefined) return rows
  const [start, end] = [own.start * headSize, own.end * headSize]
  return builder.node('Slice', [
    rows,
    builder.integers(`columns-from-${start}`, [start]),
    builder.integers(`columns-to-${end}`, [end]),
    builder.integers('axis-1', [1]),
  ])
}
