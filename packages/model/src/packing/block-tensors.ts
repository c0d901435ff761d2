import type { BlockSpec } from '../config/block-spec.ts'

export type BlockTensorName =
  | 'attention-norm'
  | 'qkv.weight'
  | 'qkv.bias'
  | 'query-norm'
  | 'key-norm'
  | 'output.weight'
  | 'feed-forward-norm'
  | 'router.weight'
  | 'shared-gate-up.weight'
  | 'shared-down.weight'
  | ExpertTensorName

/** The tensors of a feed-forward network: that of a dense block, or one expert. */
export type ExpertTensorName = 'gate-up.weight' | 'down.weight'

/** A tensor of a block before it is packed. */
export interface BlockTensor {
  readonly name: BlockTensorName
  /** Rows of each part, stacked in this order; the length, for a vector. */
  readonly parts: readonly number[]
  /** Columns of a matrix; null for a vector. */
  readonly columns: number | null
  /** A matrix that stays float32 in every profile: its bits decide which experts compute a row. */
  readonly float?: true
}

/**
 * The tensors of one block, in file order (the table of docs/packing.md); those of its experts are {@link expertTensors}.
 * They follow from the block's spec alone, so they are also those of a rank's share of a block.
 */
export function blockTensors({ hiddenSize, attention, feedForward }: BlockSpec): BlockTensor[] {
  const { headSize } = attention
  const queryRows = attention.headCount * headSize
  const keyValueRows = attention.keyValueHeadCount * headSize
  const qkv = [queryRows, keyValueRows, keyValueRows]
  const vector = (name: BlockTensorName, ...parts: readonly number[]): BlockTensor => ({
    name,
    parts,
    columns: null,
  })
  return [
    vector('attention-norm', hiddenSize),
    { name: 'qkv.weight', parts: qkv, columns: hiddenSize },
    ...(attention.bias ? [vector('qkv.bias', ...qkv)] : []),
    ...(attention.queryKeyNorm ? [vector('query-norm', headSize), vector('key-norm', headSize)] : []),
    { name: 'output.weight', parts: [hiddenSize], columns: queryRows },
    vector('feed-forward-norm', hiddenSize),
    ...(feedForward.kind === 'dense'
      ? networkTensors(hiddenSize, feedForward.size)
      : [
          {
            name: 'router.weight',
            // The gate of the expert that computes every row is one more row of the router.
            parts: feedForward.sharedSize === null ? [feedForward.count] : [feedForward.count, 1],
            columns: hiddenSize,
            float: true,
          } as const,
          ...(feedForward.sharedSize === null
            ? []
            : networkTensors(hiddenSize, feedForward.sharedSize, 'shared-')),
        ]),
  ]
}

/** The tensors of one expert of a block, in file order; none for a dense block. */
export function expertTensors({ hiddenSize, feedForward }: BlockSpec): BlockTensor[] {
  return feedForward.kind === 'dense' ? [] : networkTensors(hiddenSize, feedForward.size)
}

function networkTensors(hiddenSize: number, size: number, prefix: '' | 'shared-' = ''): BlockTensor[] {
  return [
    { name: `${prefix}gate-up.weight`, parts: [size, size], columns: hiddenSize },
    { name: `${prefix}down.weight`, parts: [hiddenSize], columns: size },
  ]
}
