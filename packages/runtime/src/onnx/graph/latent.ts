import { turningChannels, type BlockSpec, type LatentSpec } from '@shoal/model'
import { linear, type WeightedGraph } from './linear.ts'
import { norm } from './norm.ts'

/** Epsilon of the norms of shared vectors, whatever that of the block's norms is (`DeepseekV3RMSNorm`). */
const latentEpsilon = 1e-6

/**
 * q, k and v of latent attention in the form of other blocks, `[rows, 3 · H · headSize]`: the channels of a head that turn come
 * first, those of keys are the same for all heads, and values are filled up with zeros. Between the products, values
 * are only moved.
 */
export function latentHeads(
  graph: WeightedGraph,
  spec: BlockSpec,
  latent: LatentSpec,
  block: number,
  x: string,
): string {
  const { builder } = graph
  const { hiddenSize, attention } = spec
  const { headCount, headSize } = attention
  const { querySize, keyValueSize, valueSize } = latent
  const turning = turningChannels(attention)
  const still = headSize - turning
  const name = (part: string): string => `block-${block}.${part}`
  const normed = (hidden: string, part: string, size: number): string =>
    norm(graph, { hidden, branch: null }, { kind: 'rms', name: name(part), size, epsilon: latentEpsilon })
      .normed
  const heads = (rows: string, width: number): string =>
    builder.node('Reshape', [rows, builder.integers(`shape-heads-${width}`, [-1, headCount, width])])
  const split = (rows: string, axis: number, widths: readonly [number, number]): [string, string] => {
    const sizes = builder.integers(`widths-${widths.join('-')}`, widths)
    const [first = '', second = ''] = builder.nodes('Split', [rows, sizes], ['first', 'second'], { axis })
    return [first, second]
  }

  const queryRows = headCount * headSize
  const queries =
    querySize === null
      ? linear(graph, x, name('query'), queryRows, hiddenSize)
      : linear(
          graph,
          normed(linear(graph, x, name('query-down'), querySize, hiddenSize), 'query-down-norm', querySize),
          name('query-up'),
          queryRows,
          querySize,
        )
  const [stillQuery, turningQuery] = split(heads(queries, headSize), 2, [still, turning])
  const query = builder.node('Concat', [turningQuery, stillQuery], { axis: 2 })

  const down = linear(graph, x, name('key-value-down'), keyValueSize + turning, hiddenSize)
  const [shared, turningKey] = split(down, 1, [keyValueSize, turning])
  const up = linear(
    graph,
    normed(shared, 'key-value-down-norm', keyValueSize),
    name('key-value-up'),
    headCount * (still + valueSize),
    keyValueSize,
  )
  const [stillKey, value] = split(heads(up, still + valueSize), 2, [still, valueSize])
  const everyHead = builder.node('Expand', [
    builder.node('Unsqueeze', [turningKey, builder.integers('axis-1', [1])]),
    builder.integers('shape-every-head', [1, headCount, 1]),
  ])
  const key = builder.node('Concat', [everyHead, stillKey], { axis: 2 })
  const padding = builder.integers('value-padding', [0, 0, 0, 0, 0, headSize - valueSize])
  const filled = valueSize === headSize ? value : builder.node('Pad', [value, padding])
  const all = builder.node('Concat', [query, key, filled], { axis: 1 })
  return builder.node('Reshape', [all, builder.integers('shape-projected', [-1, 3 * queryRows])])
}

/** What attention makes of filled-up values without the zeros. @param attended `[rows, H · headSize]` */
export function withoutFilling(
  { builder }: WeightedGraph,
  { attention }: BlockSpec,
  attended: string,
): string {
  const { headCount, headSize, latent } = attention
  if (latent === undefined || latent.valueSize === headSize) return attended
  const { valueSize } = latent
  const heads = builder.node('Reshape', [
    attended,
    builder.integers('shape-attended-heads', [-1, headCount, headSize]),
  ])
  const values = builder.node('Slice', [
    heads,
    builder.integers('from-start', [0]),
    builder.integers(`to-${valueSize}`, [valueSize]),
    builder.integers('axis-2', [2]),
  ])
  return builder.node('Reshape', [values, builder.integers('shape-values', [-1, headCount * valueSize])])
}
