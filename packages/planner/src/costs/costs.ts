import {
  blockFormats,
  blockSpecs,
  keyValueBytesPerPosition,
  packedBlock,
  type BlockSpec,
  type ModelConfig,
  type NumericProfile,
} from '@shoal/model'

/** What one block of a model costs wherever it runs. All figures are integers. */
export interface ModelCosts {
  readonly blockCount: number
  /** Memory of one block's weights as the runtime holds them. */
  readonly blockBytes: number
  /** Bytes of the keys and values of one position in one block. */
  readonly cacheBytesPerTokenPerBlock: number
  /** Bytes of one row of hidden states, which is float32 on the wire and in a journal. */
  readonly rowBytes: number
  /** Most positions that one session may have. */
  readonly contextLength: number
  /**
   * Of models with experts, how many compute a row. The ranks of a group share the experts, and all of them keep the whole
   * cache. Absent for dense models.
   */
  readonly activeExperts?: number
}

/**
 * The costs of a model in a numeric profile. A plan counts blocks, so where blocks differ each counts as the largest:
 * a plan never puts more on a node than fits.
 */
export function modelCosts(config: ModelConfig, profile: NumericProfile): ModelCosts {
  const blocks = blockSpecs(config).map((spec, index) => ({ spec, index }))
  const kinds = [
    ...new Map(
      blocks.map((block) => [`${JSON.stringify(block.spec)} ${blockFormats(profile, block.index)}`, block]),
    ).values(),
  ]
  return {
    blockCount: config.blockCount,
    blockBytes: Math.max(...kinds.map(({ spec, index }) => weightBytes(spec, profile, index))),
    cacheBytesPerTokenPerBlock: Math.max(
      ...kinds.map(({ spec }) => keyValueBytesPerPosition(spec.attention, profile.kv)),
    ),
    rowBytes: 4 * config.hiddenSize,
    contextLength: config.contextLength,
    ...(config.experts === undefined ? {} : { activeExperts: config.experts.activeCount }),
  }
}

function weightBytes(spec: BlockSpec, profile: NumericProfile, index: number): number {
  return packedBlock(spec, profile, `block-${index}`).reduce((sum, { name, bytes }) => {
    // onnxruntime keeps a sum per quantisation block beside each scale (docs/numerics.md).
    const copies = name.endsWith('.scale') ? 2 : 1
    return sum + copies * bytes
  }, 0)
}

/** Thousandths of a node's memory that a plan may fill. The rest is for activations, fragmentation and the runtime itself. */
const usablePermille = 800

/** Positions for which a plan makes room at each node, all its sessions together. */
export const defaultContextTokens = 4096

/**
 * How many blocks fit a node: the largest n for which `0.8 · memory ≥ journal + n · (weights + cache)`. The journal of
 * the stage's output rows and the cache are those of `contextTokens` positions.
 */
export function blocksThatFit(memoryBytes: number, costs: ModelCosts, contextTokens: number): number {
  const forBlocks = usableBytes(memoryBytes) - spanBytes(0, costs, contextTokens)
  const perBlock = costs.blockBytes + contextTokens * costs.cacheBytesPerTokenPerBlock
  return Math.max(0, Math.min(costs.blockCount, Math.floor(forBlocks / perBlock)))
}

/** More memory than any machine has: a record that claims more, whatever it claims, counts as this. */
const memoryBytesMax = 4 * 1024 ** 4

/** Bytes of a node's memory that a plan may fill. */
export function usableBytes(memoryBytes: number): number {
  return Math.floor((Math.min(memoryBytes, memoryBytesMax) / 1000) * usablePermille)
}

/** Bytes of the weights and the cache of a part of a block, whose weights are given in thousandths. */
export function blockShareBytes(permille: number, costs: ModelCosts, contextTokens: number): number {
  const cacheBytes = contextTokens * costs.cacheBytesPerTokenPerBlock
  if (costs.activeExperts !== undefined) return Math.ceil((costs.blockBytes * permille) / 1000) + cacheBytes
  return Math.ceil(((costs.blockBytes + cacheBytes) * permille) / 1000)
}

/** Bytes of a node's memory that its share of a group's blocks takes, head-room included. */
export function shareMemoryBytes(
  { blocks, permille }: { readonly blocks: number; readonly permille: number },
  costs: ModelCosts,
  contextTokens: number,
): number {
  return (Math.ceil((blocks * blockShareBytes(permille, costs, contextTokens)) / usablePermille) + 1) * 1000
}

/** Bytes of the weights, the cache and the journal of a span for `contextTokens` positions; without head-room. */
export function spanBytes(blocks: number, costs: ModelCosts, contextTokens: number): number {
  return (
    contextTokens * costs.rowBytes +
    blocks * (costs.blockBytes + contextTokens * costs.cacheBytesPerTokenPerBlock)
  )
}
