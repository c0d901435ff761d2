import type { BlockSpec, RankShare } from '@shoal/model'
import { tensorCut } from '../ranks/matrix-cuts.ts'
import { denseOf } from '../support.ts'
import type { FloatTensors } from '../tensors/tensor-reader.ts'
import type { BlockWeights } from './block.ts'

/** A block's tensor by its name in the unit, `[rows, columns]`; a vector has no columns. */
type ReadTensor = (name: string, rows: number, columns: number | null) => Promise<Float32Array>

/** Reads a block's packed tensors (docs/packing.md) and widens them. */
export function readBlock(spec: BlockSpec, tensors: FloatTensors, block: number): Promise<BlockWeights> {
  return blockWeights(spec, reader(tensors, block))
}

/** As {@link readBlock}, a rank's share of a block. Whole tensors are read, and cut as floats. @param spec of the whole block */
export function readShare(
  spec: BlockSpec,
  tensors: FloatTensors,
  block: number,
  share: RankShare,
): Promise<BlockWeights> {
  const read = reader(tensors, block)
  return blockWeights(spec, async (name, rows, columns) => {
    const whole = await read(name, rows, columns)
    const cut = tensorCut(spec, share, `block-${block}.${name}`)
    const width = columns ?? 1
    const { start, end } = cut.columns ?? { start: 0, end: width }
    const parts = cut.rows.flatMap((range) =>
      Array.from({ length: range.end - range.start }, (_, index) =>
        whole.subarray((range.start + index) * width + start, (range.start + index) * width + end),
      ),
    )
    const values = new Float32Array(parts.length * (end - start))
    parts.forEach((part, index) => values.set(part, index * (end - start)))
    return values
  })
}

function reader(tensors: FloatTensors, block: number): ReadTensor {
  return (name, rows, columns) =>
    columns === null
      ? tensors.vector(`block-${block}.${name}`, rows)
      : tensors.rows(`block-${block}.${name}`, { rows, columns }, 0, rows)
}

async function blockWeights(
  { hiddenSize, attention, feedForward }: BlockSpec,
  read: ReadTensor,
): Promise<BlockWeights> {
  const { headCount, keyValueHeadCount, headSize } = attention
  const { size } = denseOf(feedForward)
  const width = (headCount + 2 * keyValueHeadCount) * headSize
  return {
    attentionNorm: await read('attention-norm', hiddenSize, null),
    qkv: await read('qkv', width, hiddenSize),
    qkvBias: attention.bias ? await read('qkv.bias', width, null) : null,
    queryNorm: attention.queryKeyNorm ? await read('query-norm', headSize, null) : null,
    keyNorm: attention.queryKeyNorm ? await read('key-norm', headSize, null) : null,
    output: await read('output', hiddenSize, headCount * headSize),
    feedForwardNorm: await read('feed-forward-norm', hiddenSize, null),
    gateUp: await read('gate-up', 2 * size, hiddenSize),
    down: await read('down', hiddenSize, size),
  }
}
