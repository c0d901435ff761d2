import type { BlockSpec } from './block-spec.ts'
import type { ModelConfig } from './model-config.ts'

/**
 * A block of a dense decoder as the config alone describes it: Llama and the families that follow it. A family that differs
 * changes fields of it.
 * @param index of the block in the model
 */
export function denseBlock(config: ModelConfig, index: number): BlockSpec {
  if (config.convolutionBlocks?.[index] === true) return convolutionBlock(config)
  return attendingBlock(config, index)
}

function attendingBlock(config: ModelConfig, index: number): BlockSpec {
  const windowed = config.slidingWindow !== null && (config.windowedBlocks?.[index] ?? true)
  const rope = windowed ? (config.windowedRope ?? config.rope) : config.rope
  return {
    hiddenSize: config.hiddenSize,
    norm: 'rms',
    normPlaces: 'before',
    normEpsilon: config.normEpsilon,
    branchScale: config.branchScale ?? 1,
    attention: {
      headCount: config.headCount,
      keyValueHeadCount: config.keyValueHeadCount,
      headSize: config.headSize,
      window: windowed ? config.slidingWindow : null,
      rope: (config.rotatedBlocks?.[index] ?? true) ? rope : null,
      rotatedPairs: 'halves',
      scoreDivisor: config.scoreDivisor ?? Math.sqrt(config.headSize),
      softCap: config.attentionSoftCap ?? null,
      bias: config.attentionBias,
      outputBias: config.outputBias ?? false,
      queryKeyNorm: config.queryKeyNorm ? 'head' : null,
      ...(config.attentionSinks === true ? { sinks: true } : {}),
      ...(config.latent === undefined ? {} : { latent: config.latent }),
    },
    feedForward: {
      kind: 'dense',
      size: config.feedForwardSize,
      activation: 'silu',
      gated: true,
      bias: config.feedForwardBias ?? false,
      outputBias: config.feedForwardBias ?? false,
    },
  }
}

/** A block whose convolution has the channels of the residual stream. They count as heads, so that ranks can share them. */
function convolutionBlock(config: ModelConfig): BlockSpec {
  const block = attendingBlock(config, 0)
  const { headCount, hiddenSize } = config
  return {
    ...block,
    attention: {
      ...block.attention,
      keyValueHeadCount: headCount,
      headSize: hiddenSize / headCount,
      window: null,
      rope: null,
      queryKeyNorm: null,
      convolution: { taps: config.convolutionTaps ?? 1 },
    },
  }
}
