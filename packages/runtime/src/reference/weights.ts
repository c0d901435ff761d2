import type { ModelConfig } from '@shoal/model'
import type { FloatTensors } from '../tensor-reader.ts'
import type { BlockWeights } from './block.ts'

/** Reads a block's packed tensors (docs/packing.md) and widens them. */
export async function readBlock(config: ModelConfig, tensors: FloatTensors, block: number): Promise<BlockWeights> {
  const { hiddenSize, feedForwardSize, headCount, keyValueHeadCount, headSize } = config
  const unit = `block-${block}`
  const width = (headCount + 2 * keyValueHeadCount) * headSize
  const matrix = (name: string, rows: number, columns: number): Promise<Float32Array> => tensors.rows(`${unit}.${name}`, { rows, columns }, 0, rows)
  const optional = (wanted: boolean, name: string, length: number): Promise<Float32Array> | null => (wanted ? tensors.vector(`${unit}.${name}`, length) : null)
  return {
    attentionNorm: await tensors.vector(`${unit}.attention-norm`, hiddenSize),
    qkv: await matrix('qkv', width, hiddenSize),
    qkvBias: await optional(config.attentionBias, 'qkv.bias', width),
    queryNorm: await optional(config.queryKeyNorm, 'query-norm', headSize),
    keyNorm: await optional(config.queryKeyNorm, 'key-norm', headSize),
    output: await matrix('output', hiddenSize, headCount * headSize),
    feedForwardNorm: await tensors.vector(`${unit}.feed-forward-norm`, hiddenSize),
    gateUp: await matrix('gate-up', 2 * feedForwardSize, hiddenSize),
    down: await matrix('down', hiddenSize, feedForwardSize),
  }
}
