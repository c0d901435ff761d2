import type { BlockSpec, ExpertsSpec, IndexRange, RankShare } from '@shoal/model'
import { tensorCut } from '../ranks/matrix-cuts.ts'
import type { FloatTensors } from '../tensors/tensor-reader.ts'
import type { BlockWeights, MixtureWeights, NetworkWeights } from './block.ts'

/**
 * A block's tensor by its name in the unit, `[rows, columns]`; a vector has no columns.
 * @param where the number of the expert that it belongs to; `float` for a matrix that is float32 in every profile
 */
type ReadTensor = (
  name: string,
  rows: number,
  columns: number | null,
  where?: number | 'float',
) => Promise<Float32Array>

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
  // Experts are units of their own, and all else is whole.
  if (share.experts !== null) return blockWeights(spec, read, share.experts)
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
  return (name, rows, columns, where) => {
    const unit = typeof where === 'number' ? `block-${block}-expert-${where}` : `block-${block}`
    if (columns === null) return tensors.floats(`${unit}.${name}`, [rows])
    if (where === 'float') return tensors.floats(`${unit}.${name}`, [rows, columns])
    return tensors.rows(`${unit}.${name}`, { rows, columns }, 0, rows)
  }
}

/** @param experts those to read, of a block that has some; null for all */
async function blockWeights(
  { hiddenSize, attention, feedForward }: BlockSpec,
  read: ReadTensor,
  experts: IndexRange | null = null,
): Promise<BlockWeights> {
  const { headCount, keyValueHeadCount, headSize } = attention
  const width = (headCount + 2 * keyValueHeadCount) * headSize
  return {
    attentionNorm: await read('attention-norm', hiddenSize, null),
    qkv: await read('qkv', width, hiddenSize),
    qkvBias: attention.bias ? await read('qkv.bias', width, null) : null,
    queryNorm: attention.queryKeyNorm ? await read('query-norm', headSize, null) : null,
    keyNorm: attention.queryKeyNorm ? await read('key-norm', headSize, null) : null,
    output: await read('output', hiddenSize, headCount * headSize),
    feedForwardNorm: await read('feed-forward-norm', hiddenSize, null),
    feedForward:
      feedForward.kind === 'dense'
        ? await networkWeights(hiddenSize, feedForward.size, (name, rows, columns) =>
            read(name, rows, columns),
          )
        : await mixtureWeights(
            hiddenSize,
            feedForward,
            experts ?? { start: 0, end: feedForward.count },
            read,
          ),
  }
}

async function mixtureWeights(
  hiddenSize: number,
  { count, size, sharedSize }: ExpertsSpec,
  held: IndexRange,
  read: ReadTensor,
): Promise<MixtureWeights> {
  const experts = new Map<number, NetworkWeights>()
  for (let expert = held.start; expert < held.end; expert += 1)
    experts.set(
      expert,
      await networkWeights(hiddenSize, size, (name, rows, columns) => read(name, rows, columns, expert)),
    )
  return {
    router: await read('router.weight', sharedSize === null ? count : count + 1, hiddenSize, 'float'),
    experts,
    shared:
      sharedSize === null
        ? null
        : await networkWeights(hiddenSize, sharedSize, (name, rows, columns) =>
            read(`shared-${name}`, rows, columns),
          ),
  }
}

async function networkWeights(
  hiddenSize: number,
  size: number,
  read: (name: string, rows: number, columns: number) => Promise<Float32Array>,
): Promise<NetworkWeights> {
  return { gateUp: await read('gate-up', 2 * size, hiddenSize), down: await read('down', hiddenSize, size) }
}
