import { z } from 'zod'
import type { Ask, SamplingAsk } from '../completions/ask.ts'
import { apiLimits } from '../limits.ts'
import { tokenCount } from '../openai/fields.ts'

/** About the machine that computes, which is each peer's own matter: no text changes. */
const ofMachine = Object.fromEntries(
  [
    'numa',
    'num_batch',
    'num_gpu',
    'main_gpu',
    'low_vram',
    'f16_kv',
    'vocab_only',
    'use_mmap',
    'use_mlock',
    'num_thread',
  ].map((name) => [name, z.unknown().optional()]),
)

const off = (value: number, what: string) => z.literal(value, `${what}; leave it out`).optional()
const stopText = z
  .string()
  .min(1)
  .max(apiLimits.maxStopLength, `a stop text may have at most ${apiLimits.maxStopLength} characters`)

export const options = z.strictObject({
  ...ofMachine,
  num_predict: z.union([z.literal(-2), tokenCount]),
  temperature: z.number().min(0).max(2).optional(),
  seed: z.int().optional(),
  stop: z
    .union([
      stopText,
      z.array(stopText).max(apiLimits.maxStops, `at most ${apiLimits.maxStops} stop texts are possible`),
    ])
    .optional(),
  top_k: z.int().min(0).optional(),
  top_p: z.number().min(0).max(1).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repeat_penalty: z.number().gt(0).max(10).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  /** The context is the model's own, and a prompt that does not fit is refused: none is cut. */
  num_ctx: z.unknown().optional(),
  num_keep: z.unknown().optional(),
  repeat_last_n: off(-1, 'penalties look at the whole text here'),
  tfs_z: off(1, 'tail-free sampling is not done here'),
  typical_p: off(1, 'typical sampling is not done here'),
  mirostat: off(0, 'mirostat is not done here'),
  mirostat_tau: z.unknown().optional(),
  mirostat_eta: z.unknown().optional(),
  penalize_newline: z.literal(true, 'line breaks are penalised as every token is').optional(),
})

export type Options = z.infer<typeof options>

/** What the options ask for. */
export function askOfOptions(
  given: Options = { num_predict: undefined },
): Pick<Ask, 'sampling' | 'maxTokens' | 'stop'> {
  const { num_predict: most, stop } = given
  return {
    sampling: samplingOf(given),
    maxTokens: typeof most === 'number' && most < 0 ? 'room' : (most ?? null),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
  }
}

function samplingOf(given: Options): SamplingAsk {
  return {
    temperature: given.temperature,
    topP: given.top_p,
    topK: given.top_k,
    minP: given.min_p,
    seed: given.seed,
    repetitionPenalty: given.repeat_penalty,
    presencePenalty: given.presence_penalty,
    frequencyPenalty: given.frequency_penalty,
  }
}
