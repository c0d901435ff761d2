import { normsAfterNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { lastOfEach, readWindows, type Windows } from '../config/windows.ts'
import { fieldOf, type JsonObject } from '../json-fields.ts'
import type { Family } from './family.ts'

/** `Exaone4Config` of transformers, for configs without the keys. */
const windowDefault = 4096
const patternDefault = 4

/**
 * EXAONE 4 (`Exaone4ForCausalLM`): norms behind both halves of a block, normalised heads, and, in models with a window, no
 * position embedding in the blocks that see everything.
 */
export const exaone4: Family = {
  name: 'exaone4',
  parse(json, generation) {
    refuseUnsupported(json, 'exaone4')
    const windows = readExaoneWindows(json)
    const { windowedBlocks } = windows
    return readDenseConfig(json, generation, {
      family: 'exaone4',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 2048,
      normEpsilonDefault: 1e-5,
      windows,
      attentionBias: false,
      queryKeyNorm: true,
      options: windowedBlocks === undefined ? {} : { rotatedBlocks: windowedBlocks },
    })
  },
  block(config, index) {
    return { ...denseBlock(config, index), normPlaces: 'after' }
  },
  checkpoint: normsAfterNames,
}

/** The pattern is a period, or a letter for each of its blocks: L with a window, G without. */
function readExaoneWindows(json: JsonObject): Windows {
  const window = fieldOf(json, 'sliding_window')
  const pattern = fieldOf(json, 'sliding_window_pattern') ?? patternDefault
  const isWindowed =
    typeof pattern === 'string'
      ? (index: number) => pattern[index % pattern.length] === 'L'
      : (index: number) => !lastOfEach(pattern, 'sliding_window_pattern')(index)
  return readWindows(json, window === undefined ? windowDefault : window, isWindowed)
}
