import type { SamplingOptions } from '@shoal/model'
import type { SamplingFlags } from './options.ts'

/** Sampling options: the user's choice, and otherwise the model's own defaults (generation_config.json). */
export function samplingFrom(
  flags: SamplingFlags,
  defaults: SamplingOptions,
  randomSeed: number,
): SamplingOptions {
  return {
    temperature: flags.temperature ?? defaults.temperature,
    topK: flags.topK ?? defaults.topK,
    topP: flags.topP ?? defaults.topP,
    repetitionPenalty: flags.repetitionPenalty ?? defaults.repetitionPenalty,
    ...(flags.minP === undefined ? {} : { minP: flags.minP }),
    ...(flags.presencePenalty === undefined ? {} : { presencePenalty: flags.presencePenalty }),
    ...(flags.frequencyPenalty === undefined ? {} : { frequencyPenalty: flags.frequencyPenalty }),
    seed: flags.seed ?? randomSeed,
  }
}
