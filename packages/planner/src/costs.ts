import { packedUnit, type ModelConfig, type NumericProfile } from '@shoal/model'

/** What one block of a model costs wherever it runs. Integers. */
export interface ModelCosts {
  readonly blockCount: number
  /** Memory of one block's weights as the runtime holds them. */
  readonly blockBytes: number
  /** Keys and values of one position in one block. */
  readonly cacheBytesPerTokenPerBlock: number
  /** One row of hidden states, on the wire and in a journal: float32. */
  readonly rowBytes: number
  /** Most positions of one session. */
  readonly contextLength: number
}

/** @returns the costs of a model in a numeric profile */
export function modelCosts(config: ModelConfig, profile: NumericProfile): ModelCosts {
  const tensors = packedUnit(config, profile, 'block-0')
  const packedBytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  // At accuracy level 4 onnxruntime keeps a sum per quantisation block beside each scale (docs/numerics.md).
  const scaleBytes =
    profile.accuracyLevel === 4
      ? tensors.filter(({ name }) => name.endsWith('.scale')).reduce((sum, tensor) => sum + tensor.bytes, 0)
      : 0
  const { keyValueHeadCount, headSize } = config
  // int8 keys and values carry one float32 scale per head.
  const headBytes = profile.kv === 'f32' ? 4 * headSize : headSize + 4
  return {
    blockCount: config.blockCount,
    blockBytes: packedBytes + scaleBytes,
    cacheBytesPerTokenPerBlock: 2 * keyValueHeadCount * headBytes,
    rowBytes: 4 * config.hiddenSize,
    contextLength: config.contextLength,
  }
}

/** Of a node's memory, what a plan may fill: the rest is for activations, fragments and the runtime itself. */
const usablePermille = 800

/** Positions a plan makes room for in each node, all its sessions together. */
export const defaultContextTokens = 4096

/**
 * Blocks that fit: `0.8 · memory ≥ journal + n · (weights + cache)`, with the journal of a stage's output rows and the
 * cache for `contextTokens` positions.
 */
export function blocksThatFit(memoryBytes: number, costs: ModelCosts, contextTokens: number): number {
  const forBlocks = usableBytes(memoryBytes) - spanBytes(0, costs, contextTokens)
  const perBlock = costs.blockBytes + contextTokens * costs.cacheBytesPerTokenPerBlock
  return Math.max(0, Math.min(costs.blockCount, Math.floor(forBlocks / perBlock)))
}

/** Of a node's memory, what a plan may fill. */
export function usableBytes(memoryBytes: number): number {
  return Math.floor((memoryBytes / 1000) * usablePermille)
}

/** Weights and cache of so many thousandths of a block. */
export function blockShareBytes(permille: number, costs: ModelCosts, contextTokens: number): number {
  return Math.ceil(((costs.blockBytes + contextTokens * costs.cacheBytesPerTokenPerBlock) * permille) / 1000)
}

/** Of a node's memory, head-room included, what its share of so many blocks takes. */
export function shareMemoryBytes(
  blocks: number,
  permille: number,
  costs: ModelCosts,
  contextTokens: number,
): number {
  return (Math.ceil((blocks * blockShareBytes(permille, costs, contextTokens)) / usablePermille) + 1) * 1000
}

/** Weights, cache and journal of a span for so many positions; without head-room. */
export function spanBytes(blocks: number, costs: ModelCosts, contextTokens: number): number {
  return (
    contextTokens * costs.rowBytes +
    blocks * (costs.blockBytes + contextTokens * costs.cacheBytesPerTokenPerBlock)
  )
}
