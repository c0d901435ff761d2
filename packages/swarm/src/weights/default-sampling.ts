import { messageOf } from '@shoal/host'
import { ModelError, type SamplingOptions } from '@shoal/model'

const fallback: SamplingOptions = { temperature: 0.7, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }

/**
 * The model makers' own sampling from generation_config.json. A value out of its range is replaced by a default. Pure.
 * @throws {ModelError} `bad-model` for a file that is not JSON
 */
export function readDefaultSampling(assets: ReadonlyMap<string, Uint8Array>): SamplingOptions {
  const bytes = assets.get('generation_config.json')
  if (bytes === undefined) return fallback
  const json = parse(bytes)
  const fields = json !== null && typeof json === 'object' ? (json as Record<string, unknown>) : {}
  const number = (name: string, low: number, high: number): number | undefined => {
    const value = fields[name]
    return typeof value === 'number' && value >= low && value <= high ? value : undefined
  }
  return {
    temperature: fields['do_sample'] === false ? 0 : (number('temperature', 0, 100) ?? fallback.temperature),
    topK: Math.trunc(number('top_k', 0, 1e9) ?? fallback.topK),
    topP: number('top_p', 0, 1) ?? fallback.topP,
    repetitionPenalty: number('repetition_penalty', 0.01, 100) ?? fallback.repetitionPenalty,
    seed: 0,
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new ModelError(
      'bad-model',
      `generation_config.json of the model is not valid JSON: ${messageOf(cause)}`,
      { cause },
    )
  }
}
