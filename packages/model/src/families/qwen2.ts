import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readQwenWindows } from '../config/windows.ts'
import type { Family } from './family.ts'

/** Qwen2 and Qwen2.5 (`Qwen2ForCausalLM`): Llama with biases at q, k and v, which no key of the config mentions. */
export const qwen2: Family = {
  name: 'qwen2',
  parse(json, generation) {
    refuseUnsupported(json, 'qwen2', { reads: ['attention_bias', 'qkv_bias'] })
    return readDenseConfig(json, generation, {
      family: 'qwen2',
      contextLengthDefault: 32_768,
      windows: readQwenWindows(json),
      attentionBias: true,
      queryKeyNorm: false,
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
  gguf: { architecture: 'qwen2', interleaved: false },
}
