import type { Random } from '@shoal/host'
import type { SamplingOptions } from '@shoal/model'

export interface SamplingFields {
  readonly temperature?: number | null | undefined
  readonly top_p?: number | null | undefined
  readonly top_k?: number | null | undefined
  readonly repetition_penalty?: number | null | undefined
  readonly seed?: number | null | undefined
}

/**
 * One choice's sampling; what the caller leaves open is the model's own (its generation_config). The choices of a
 * seeded request have neighbouring seeds, so that they differ and repeat.
 */
export function samplingOf(
  fields: SamplingFields,
  defaults: SamplingOptions,
  choice: number,
  random: Random,
): SamplingOptions {
  return {
    temperature: fields.temperature ?? defaults.temperature,
    topP: fields.top_p ?? defaults.topP,
    topK: fields.top_k ?? defaults.topK,
    repetitionPenalty: fields.repetition_penalty ?? defaults.repetitionPenalty,
    seed: fields.seed === undefined || fields.seed === null ? random.uint32() : (fields.seed + choice) >>> 0,
  }
}
