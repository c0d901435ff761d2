import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readQwenWindow } from '../config/windows.ts'
import type { Family } from './family.ts'

/** Qwen3, dense models (`Qwen3ForCausalLM`): Llama with an RMSNorm over each head of q and k. */
export const qwen3: Family = {
  name: 'qwen3',
  parse(json, generation) {
    refuseUnsupported(json, 'qwen3')
    return readDenseConfig(json, generation, {
      family: 'qwen3',
      headSizeDefault: 128,
      contextLengthDefault: 32_768,
      slidingWindow: readQwenWindow(json),
      attentionBias: false,
      queryKeyNorm: true,
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
  gguf: { architecture: 'qwen3', interleaved: false },
}
