import { normsAfterNames } from '../../config/checkpoint-names.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import { refuseUnsupported } from '../../config/refusals.ts'
import { lastOfEach, readWindows } from '../../config/windows.ts'
import { fieldOf, isSet } from '../../json-fields.ts'
import type { Family } from '../family.ts'
import { olmoBlock } from './olmo2.ts'

/** `Olmo3Config` of transformers, for configs without the keys. */
const windowDefault = 4096
const isGlobal = lastOfEach(4, 'the period of OLMo 3')
const thetaDefault = 10_000

/** OLMo 3 (`Olmo3ForCausalLM`): OLMo 2 with a window in three blocks of four, which turn without the scaling of the fourth. */
export const olmo3: Family = {
  name: 'olmo3',
  parse(json, generation) {
    refuseUnsupported(json, 'olmo3', { reads: ['attention_bias'] })
    const attentionBias = isSet(json, 'attention_bias')
    const window = fieldOf(json, 'sliding_window')
    return readDenseConfig(json, generation, {
      family: 'olmo3',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 2048,
      normEpsilonDefault: 1e-5,
      windows: readWindows(json, window === undefined ? windowDefault : window, (index) => !isGlobal(index)),
      windowedRope: { theta: fieldOf(json, 'rope_theta') ?? thetaDefault, scaling: null },
      attentionBias,
      queryKeyNorm: true,
      options: { outputBias: attentionBias },
    })
  },
  block: olmoBlock,
  checkpoint: normsAfterNames,
}
