import type { BlockSpec } from '../config/block-spec.ts'
import { ModelError } from '../error.ts'

export type BlockTensorName =
  | 'attention-norm'
  | 'qkv.weight'
  | 'qkv.bias'
  | 'query-norm'
  | 'key-norm'
  | 'output.weight'
  | 'feed-forward-norm'
  | 'gate-up.weight'
  | 'down.weight'

/** A tensor of a block before it is packed. */
export interface BlockTensor {
  readonly name: BlockTensorName
  /** Rows of each part, stacked in this order; the length, for a vector. */
  readonly parts: readonly number[]
  /** Columns of a matrix; null for a vector. */
  readonly columns: number | null
}

/**
 * The tensors of one block, in file order (the table of docs/packing.md). They follow from the block's spec alone, so they
 * are also those of a rank's share of a block.
 *
 * @throws {ModelError} `unsupported-model` for a mixture of experts
 */
export function blockTensors({ hiddenSize, attention, feedForward }: BlockSpec): BlockTensor[] {
  const { headSize } = attention
  const queryRows = attention.headCount * headSize
  const keyValueRows = attention.keyValueHeadCount * headSize
  const qkv = [queryRows, keyValueRows, keyValueRows]
  if (feedForward.kind !== 'dense')
    throw new ModelError('unsupported-model', 'blocks with a mixture of experts are not supported')
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
    { name: 'gate-up.weight', parts: [feedForward.size, feedForward.size], columns: hiddenSize },
    { name: 'down.weight', parts: [hiddenSize], columns: feedForward.size },
  ]
}
