import type { BlockSpec, ConvolutionSpec } from '@shoal/model'
import { attentionInputs, keyValueNames } from './attention.ts'
import { splitHeads } from './heads.ts'
import type { WeightedGraph } from './linear.ts'

/**
 * A short gated convolution of `projected [rows, 3 · channels]` behind the last inputs of the rows before, which are fed as
 * `[taps - 1, channels]`. Every product and sum is an operator of its own on whole rows, added from the oldest position to
 * the newest, so the bits of a row depend on nothing but the rows that it spans.
 *
 * @param block index in the model
 * @returns `[rows, channels]`
 */
export function convolution(
  graph: WeightedGraph,
  spec: BlockSpec,
  { taps }: ConvolutionSpec,
  block: number,
  projected: string,
): string {
  const { builder } = graph
  const { headCount, headSize } = spec.attention
  const channels = headCount * headSize
  const { pastKey, newKey } = keyValueNames(block)
  const [b, c, x] = splitHeads(graph, spec, projected)
  const fresh = builder.node('Mul', [b, x])
  const weights = tapWeights(graph, `block-${block}.convolution.weight`, channels, taps)
  const all =
    taps === 1
      ? fresh
      : builder.node('Concat', [builder.input(pastKey, 'float32', [taps - 1, channels]), fresh], { axis: 0 })
  const rowAxis = builder.integers('axis-0', [0])
  const sum = weights
    .map((weight, tap) => {
      const [from, to] = [tap, tap === taps - 1 ? Number.MAX_SAFE_INTEGER : tap - taps + 1]
      const bounds = [builder.integers(`from-${from}`, [from]), builder.integers(`to-${to}`, [to])]
      return builder.node('Mul', [builder.node('Slice', [all, ...bounds, rowAxis]), weight])
    })
    .reduce((before, product) => builder.node('Add', [before, product]))
  // Rows that pad the call are not kept.
  const count = builder.node('Sub', [attentionInputs.newEnd, attentionInputs.newStart])
  const kept = builder.node('Slice', [fresh, builder.integers('from-start', [0]), count, rowAxis])
  builder.output(kept, newKey, 'float32', ['new', channels])
  return builder.node('Mul', [c, sum])
}

/** The weights of each position, oldest first, `[channels]` each. */
function tapWeights(graph: WeightedGraph, name: string, channels: number, taps: number): string[] {
  const { builder, weights } = graph
  const shape = [channels, taps]
  const matrix = builder.constant({ name, type: 'float32', shape, data: weights(name, 'f32', shape) })
  const turned = builder.node('Transpose', [matrix])
  return Array.from({ length: taps }, (_, tap) => {
    const row = builder.node('Gather', [turned, builder.integers(`tap-${tap}`, [tap])])
    return builder.node('Reshape', [row, builder.integers('shape-channels', [-1])])
  })
}
