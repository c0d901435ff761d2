import { z } from 'zod'
import type { Ask, SamplingAsk } from '../completions/ask.ts'
import { apiLimits } from '../limits.ts'

/**
 * What both of OpenAI's endpoints take. A field that changes the text works or is refused by its name; a wrong answer is
 * worse than none.
 */
const stopText = z
  .string()
  .min(1)
  .max(apiLimits.maxStopLength, `a stop text may have at most ${apiLimits.maxStopLength} characters`)
const stop = z
  .union([
    stopText,
    z.array(stopText).max(apiLimits.maxStops, `at most ${apiLimits.maxStops} stop texts are possible`),
  ])
  .nullish()

/** -1 stands for all that the context has room for, as in llama.cpp and Open WebUI. */
export const tokenCount = z.union([z.literal(-1), z.int().min(1)]).nullish()

/** Fields about the caller or about storage and billing elsewhere: they change no text. */
const harmless = {
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
  prompt_cache_options: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  prediction: z.unknown().optional(),
  cache_prompt: z.unknown().optional(),
  store: z.literal(false, 'answers are not stored here').nullish(),
}

export const commonFields = {
  ...harmless,
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  max_tokens: tokenCount,
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  /** Not OpenAI's, but every open server has it. */
  top_k: z.int().min(0).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  ignore_eos: z.boolean().nullish(),
  n: z.int().min(1).max(apiLimits.maxChoices).nullish(),
  seed: z.int().nullish(),
  stop,
  min_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  /** By token id. */
  logit_bias: z
    // Counted first: checking 200,000 entries one by one held the event loop for seconds.
    .custom<Record<string, unknown>>(
      (value) =>
        typeof value !== 'object' || value === null || Object.keys(value).length <= apiLimits.maxLogitBiases,
      `at most ${apiLimits.maxLogitBiases} tokens are possible`,
    )
    .pipe(
      z.record(z.string().regex(/^\d{1,9}$/, 'token ids are whole numbers'), z.number().min(-100).max(100)),
    )
    .nullish(),
}

const common = z.object(commonFields)
export type CommonFields = z.infer<typeof common>

/** What the fields ask for, without log-probabilities, which the two endpoints name differently. */
export function askOf(
  fields: Omit<CommonFields, keyof typeof harmless>,
  maxTokens: number | null | undefined,
): Omit<Ask, 'topLogprobs'> {
  return {
    model: fields.model,
    sampling: samplingAsk(fields),
    maxTokens: maxTokens === -1 ? 'room' : (maxTokens ?? null),
    stop: typeof fields.stop === 'string' ? [fields.stop] : (fields.stop ?? []),
    answers: fields.n ?? 1,
    ignoreEos: fields.ignore_eos ?? false,
    stream: fields.stream ?? false,
  }
}

function samplingAsk(fields: Omit<CommonFields, keyof typeof harmless>): SamplingAsk {
  return {
    temperature: fields.temperature,
    topP: fields.top_p,
    topK: fields.top_k,
    repetitionPenalty: fields.repetition_penalty,
    seed: fields.seed,
    minP: fields.min_p,
    frequencyPenalty: fields.frequency_penalty,
    presencePenalty: fields.presence_penalty,
    logitBias: biasOf(fields.logit_bias),
  }
}

function biasOf(
  bias: Readonly<Record<string, number>> | null | undefined,
): ReadonlyMap<number, number> | null {
  if (bias === null || bias === undefined) return null
  return new Map(Object.entries(bias).map(([id, value]) => [Number(id), value]))
}
