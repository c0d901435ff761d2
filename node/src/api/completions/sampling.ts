import type { Random } from '@shoal/host'
import type { SamplingOptions } from '@shoal/model'
import type { SamplingAsk } from './ask.ts'

/** `top_p` 0 asks for the likeliest token, which every share holds. */
const smallestShare = 1e-12

/**
 * One answer's sampling; what the caller leaves open is the model's own (its generation_config). The answers to a seeded
 * request have neighbouring seeds, so that they differ and repeat.
 */
export function samplingOf(
  ask: SamplingAsk,
  defaults: SamplingOptions,
  answer: number,
  random: Random,
): SamplingOptions {
  const { minP, frequencyPenalty, presencePenalty, logitBias } = ask
  return {
    ...defaults,
    ...(typeof minP === 'number' && { minP }),
    ...(typeof frequencyPenalty === 'number' && { frequencyPenalty }),
    ...(typeof presencePenalty === 'number' && { presencePenalty }),
    ...(logitBias !== null && logitBias !== undefined && { logitBias }),
    temperature: ask.temperature ?? defaults.temperature,
    topP: Math.max(ask.topP ?? defaults.topP, smallestShare),
    topK: ask.topK ?? defaults.topK,
    repetitionPenalty: ask.repetitionPenalty ?? defaults.repetitionPenalty,
    seed: ask.seed === undefined || ask.seed === null ? random.uint32() : (ask.seed + answer) >>> 0,
  }
}
