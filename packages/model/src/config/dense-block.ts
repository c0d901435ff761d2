import type { BlockSpec } from './block-spec.ts'
import type { ModelConfig } from './model-config.ts'

/** The block of a dense decoder whose blocks are all alike: Llama and the families that follow it. */
export function denseBlock(config: ModelConfig): BlockSpec {
  return {
    hiddenSize: config.hiddenSize,
    normEpsilon: config.normEpsilon,
    attention: {
      headCount: config.headCount,
      keyValueHeadCount: config.keyValueHeadCount,
      headSize: config.headSize,
      window: config.slidingWindow,
      rope: config.rope,
      bias: config.attentionBias,
      queryKeyNorm: config.queryKeyNorm,
    },
    feedForward: { kind: 'dense', size: config.feedForwardSize },
  }
}
