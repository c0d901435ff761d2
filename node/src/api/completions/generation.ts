import { randomHex, type Clock, type Random } from '@shoal/host'
import type { Engine, GenerateEvent, GenerateRequest, GenerateResult } from '@shoal/swarm'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import { chatPrompt, textPrompts, tokenRoom } from './prompts.ts'
import { samplingOf } from './sampling.ts'
import type { ChatRequest, CommonRequest, TextRequest } from './schema.ts'

/** What one call asks for, in the swarm's words: one or several generations, answered as one response. */
export interface Generation {
  readonly kind: 'chat' | 'text'
  /** `chatcmpl-…` or `cmpl-…`. */
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  /** The name the caller used. */
  readonly model: string
  readonly fingerprint: string
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly wantsLogprobs: boolean
  /** In the order of their `index`. */
  readonly choices: readonly Omit<GenerateRequest, 'signal'>[]
}

export interface GenerationDependencies {
  readonly clock: Clock
  readonly random: Random
}

export async function chatGeneration(
  engine: Engine,
  request: ChatRequest,
  dependencies: GenerationDependencies,
): Promise<Generation> {
  if (typeof request.top_logprobs === 'number' && request.logprobs !== true) {
    throw new ApiError(400, `'top_logprobs' needs 'logprobs': true`, {
      code: 'invalid_value',
      param: 'top_logprobs',
    })
  }
  const topLogprobs = request.logprobs === true ? (request.top_logprobs ?? 0) : undefined
  const maxTokens = request.max_completion_tokens ?? request.max_tokens
  return generationOf(
    'chat',
    engine,
    request,
    [await chatPrompt(engine, request)],
    maxTokens,
    topLogprobs,
    dependencies,
  )
}

export async function textGeneration(
  engine: Engine,
  request: TextRequest,
  dependencies: GenerationDependencies,
): Promise<Generation> {
  const prompts = await textPrompts(engine, request)
  if (request.best_of !== undefined && request.best_of !== null && request.best_of !== (request.n ?? 1)) {
    throw new ApiError(400, `'best_of' other than 'n' is not supported`, {
      code: 'unsupported_value',
      param: 'best_of',
    })
  }
  if (prompts.length * (request.n ?? 1) > apiLimits.maxChoices) {
    throw new ApiError(
      400,
      `${prompts.length} prompts times n = ${request.n ?? 1} are more than ${apiLimits.maxChoices} choices`,
      { code: 'invalid_value', param: 'n' },
    )
  }
  // The older API made 16 tokens by default.
  return generationOf(
    'text',
    engine,
    request,
    prompts,
    request.max_tokens ?? 16,
    request.logprobs ?? undefined,
    dependencies,
  )
}

function generationOf(
  kind: 'chat' | 'text',
  engine: Engine,
  request: CommonRequest,
  prompts: readonly number[][],
  maxTokens: number | null | undefined,
  topLogprobs: number | undefined,
  { clock, random }: GenerationDependencies,
): Generation {
  const stop = typeof request.stop === 'string' ? [request.stop] : (request.stop ?? [])
  const choices = prompts.flatMap((promptIds) =>
    Array.from({ length: request.n ?? 1 }, (_, choice) => ({
      promptIds,
      maxTokens: tokenRoom(engine, promptIds, maxTokens),
      sampling: samplingOf(request, engine.defaultSampling, choice, random),
      stop,
      ignoreEos: request.ignore_eos ?? false,
      ...(topLogprobs !== undefined && { topLogprobs }),
    })),
  )
  return {
    kind,
    id: `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${randomHex(random, 12)}`,
    created: Math.floor(clock.wallMs() / 1000),
    model: request.model,
    fingerprint: `fp_${engine.manifest.id.slice(0, 12)}`,
    stream: request.stream ?? false,
    includeUsage: request.stream_options?.include_usage ?? false,
    wantsLogprobs: topLogprobs !== undefined,
    choices,
  }
}

/** An event of one choice. */
export type ChoiceEvent = GenerateEvent & { readonly index: number }

/** Runs the choices one after the other: they share the swarm with other callers, who should not wait for all of them. */
export async function* runGeneration(
  engine: Engine,
  generation: Generation,
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent> {
  for (const [index, choice] of generation.choices.entries()) {
    for await (const event of engine.generate({ ...choice, signal })) yield { ...event, index }
  }
}

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

/** Each prompt counts once, however many choices were made from it. */
export function usageOf(generation: Generation, results: readonly GenerateResult[]): Usage {
  const prompts = new Set(generation.choices.map(({ promptIds }) => promptIds))
  const promptTokens = [...prompts].reduce((sum, promptIds) => sum + promptIds.length, 0)
  const completionTokens = results.reduce((sum, { completionTokens }) => sum + completionTokens, 0)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
}
