import type { SamplingOptions } from '@shoal/model'
import type { SamplingFlags } from './options.ts'

/** What the user chose; the rest as the model's makers recommend. */
export function samplingFrom(
  flags: SamplingFlags,
  defaults: SamplingOptions,
  randomSeed: number,
): SamplingOptions {
  return {
    temperature: flags.temperature ?? defaults.temperature,
    topK: flags.topK ?? defaults.topK,
    topP: flags.topP ?? defaults.topP,
    repetitionPenalty: defaults.repetitionPenalty,
    seed: flags.seed ?? randomSeed,
  }
}
