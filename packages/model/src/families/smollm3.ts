import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { blockCountOf, lastOfEach, readWindows, withoutIdleWindow } from '../config/windows.ts'
import { ModelError } from '../error.ts'
import { fieldOf, isSet, show, type JsonObject } from '../json-fields.ts'
import type { Family } from './family.ts'

/** `SmolLM3Config.no_rope_layer_interval` of transformers: one block in so many does not rotate. */
const intervalDefault = 4

/** SmolLM3 (`SmolLM3ForCausalLM`): Llama in which every fourth block has no position embedding. */
export const smollm3: Family = {
  name: 'smollm3',
  parse(json, generation) {
    refuseUnsupported(json, 'smollm3', { reads: ['attention_bias', 'mlp_bias', 'no_rope_layers'] })
    const attentionBias = isSet(json, 'attention_bias')
    const rotatedBlocks = readRotatedBlocks(json)
    // The blocks that do not rotate are those that see everything.
    const windows = isSet(json, 'use_sliding_window')
      ? readWindows(json, fieldOf(json, 'sliding_window'), (index) => rotatedBlocks[index] === true)
      : { slidingWindow: null }
    return readDenseConfig(json, generation, {
      family: 'smollm3',
      keyValueHeadsDefault: 4,
      contextLengthDefault: 32_768,
      thetaDefault: 2_000_000,
      tiedDefault: true,
      windows: withoutIdleWindow(json, windows),
      attentionBias,
      queryKeyNorm: false,
      options: {
        outputBias: attentionBias,
        feedForwardBias: isSet(json, 'mlp_bias'),
        ...(rotatedBlocks.includes(false) ? { rotatedBlocks } : {}),
      },
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
}

/** `no_rope_layers` says 1 of a block that does rotate. */
function readRotatedBlocks(json: JsonObject): boolean[] {
  const given = fieldOf(json, 'no_rope_layers') ?? null
  if (given === null) {
    const interval = fieldOf(json, 'no_rope_layer_interval') ?? intervalDefault
    const isPlain = lastOfEach(interval, 'no_rope_layer_interval')
    return Array.from({ length: blockCountOf(json) }, (_, index) => !isPlain(index))
  }
  if (!Array.isArray(given)) throw new ModelError('bad-model', `no_rope_layers is ${show(given)}, not a list`)
  return given.map((value: unknown) => value === 1 || value === true)
}
