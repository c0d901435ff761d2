import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

/** Seed-OSS (`SeedOssForCausalLM`): Llama with biases at q, k and v. */
export const seedOss: Family = {
  name: 'seed_oss',
  parse(json, generation) {
    refuseUnsupported(json, 'seed_oss', { reads: ['attention_bias', 'attention_out_bias', 'mlp_bias'] })
    return readDenseConfig(json, generation, {
      family: 'seed_oss',
      keyValueHeadsDefault: 8,
      headSizeDefault: 128,
      contextLengthDefault: 524_288,
      windows: { slidingWindow: null },
      attentionBias: isSet(json, 'attention_bias', true),
      queryKeyNorm: false,
      options: { outputBias: isSet(json, 'attention_out_bias'), feedForwardBias: isSet(json, 'mlp_bias') },
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
}
