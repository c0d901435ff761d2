import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readQwenWindows } from '../config/windows.ts'
import { isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

/** Qwen3, dense models (`Qwen3ForCausalLM`): Llama with an RMSNorm over each head of q and k. */
export const qwen3: Family = {
  name: 'qwen3',
  parse(json, generation) {
    refuseUnsupported(json, 'qwen3', { reads: ['attention_bias'] })
    const attentionBias = isSet(json, 'attention_bias')
    return readDenseConfig(json, generation, {
      family: 'qwen3',
      headSizeDefault: 128,
      contextLengthDefault: 32_768,
      windows: readQwenWindows(json),
      attentionBias,
      queryKeyNorm: true,
      options: { outputBias: attentionBias },
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
  gguf: { architecture: 'qwen3', interleaved: false },
}
