import { randomHex, type Clock, type Random } from '@shoal/host'
import type { Engine, GenerateRequest } from '@shoal/swarm'
import { ApiError } from '../errors.ts'
import { marksOf } from '../output/format.ts'
import type { OutputRules } from '../output/output-parser.ts'
import type { Ask, ChatAsk, TextAsk } from './ask.ts'
import { checkedGrammar } from './call-grammar.ts'
import { chatPrompt } from './chat-prompt.ts'
import { textPrompts, tokenRoom } from './prompts.ts'
import { samplingOf } from './sampling.ts'

/** What one call asks for, in the swarm's words: one or several generations, answered as one response. */
export interface Generation {
  /** Hexadecimal digits; each dialect has a prefix of its own. */
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  /** The name the caller used. */
  readonly model: string
  readonly fingerprint: string
  readonly wantsLogprobs: boolean
  /** How the output is read; null where it is a text and nothing else. */
  readonly output: OutputRules | null
  readonly parallelCalls: boolean
  /** In the order of their `index`. */
  readonly choices: readonly Omit<GenerateRequest, 'signal'>[]
}

export interface GenerationDependencies {
  readonly clock: Clock
  readonly random: Random
}

export async function chatGeneration(
  engine: Engine,
  ask: ChatAsk,
  dependencies: GenerationDependencies,
): Promise<Generation> {
  const { promptIds, output, grammar } = await chatPrompt(engine, ask)
  return {
    ...generationOf(engine, ask, [promptIds], dependencies, { shownTokens: marksOf(output.format), grammar }),
    output,
    parallelCalls: ask.parallelCalls,
  }
}

export async function textGeneration(
  engine: Engine,
  ask: TextAsk,
  dependencies: GenerationDependencies,
): Promise<Generation> {
  const grammar = ask.form === undefined ? undefined : checkedGrammar(ask.form)
  const prompts = await textPrompts(engine, ask.prompts)
  return generationOf(engine, ask, prompts, dependencies, { shownTokens: [], grammar })
}

/** @throws {ApiError} 400 for a token that the model does not have */
function checkBias({ manifest }: Engine, { sampling: { logitBias } }: Ask): void {
  const size = manifest.manifest.config.vocabularySize
  const unknown = [...(logitBias?.keys() ?? [])].find((id) => id >= size)
  if (unknown !== undefined)
    throw new ApiError(
      400,
      `'logit_bias' names token ${unknown}, and the ids of this model end at ${size - 1}`,
      {
        code: 'invalid_value',
        param: 'logit_bias',
      },
    )
}

interface Constraints {
  /** Special tokens whose text the output parser must see. */
  readonly shownTokens: readonly string[]
  readonly grammar: GenerateRequest['grammar'] | undefined
}

function generationOf(
  engine: Engine,
  ask: Ask,
  prompts: readonly (readonly number[])[],
  { clock, random }: GenerationDependencies,
  { shownTokens, grammar }: Constraints,
): Generation {
  checkBias(engine, ask)
  const choices = prompts.flatMap((promptIds) =>
    Array.from({ length: ask.answers }, (_, answer) => ({
      promptIds,
      maxTokens: tokenRoom(engine, promptIds, ask.maxTokens),
      sampling: samplingOf(ask.sampling, engine.defaultSampling, answer, random),
      stop: ask.stop,
      ignoreEos: ask.ignoreEos,
      shownTokens,
      ...(ask.topLogprobs !== null && { topLogprobs: ask.topLogprobs }),
      ...(grammar !== undefined && { grammar }),
    })),
  )
  return {
    id: randomHex(random, 12),
    created: Math.floor(clock.wallMs() / 1000),
    model: ask.model,
    fingerprint: `fp_${engine.manifest.id.slice(0, 12)}`,
    wantsLogprobs: ask.topLogprobs !== null,
    output: null,
    parallelCalls: true,
    choices,
  }
}
