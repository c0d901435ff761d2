import { randomHex, ShoalError, type Random } from '@shoal/host'
import type { ChatMessage, Grammar, SamplingOptions } from '@shoal/model'
import type { Engine, GenerateRequest, GenerateResult, SwarmStatus } from '@shoal/swarm'
import type { BasicOptions, ForwardOptions, ForwardResult, Usage } from './options.ts'

/** Sampling and limits of one generation; defaults are the model's own (generation_config.json) where it has them. */
export interface GenerateOptions extends BasicOptions {
  /** Tokens below this share of the largest probability are not drawn. */
  readonly minP?: number
  /** From -2 to 2, subtracted from the logits of tokens that occur in the answer. */
  readonly presencePenalty?: number
  /** From -2 to 2, subtracted from a token's logit for each time that it occurs in the answer. */
  readonly frequencyPenalty?: number
  /** From -100 to 100 by token id, added to the logits. */
  readonly logitBias?: ReadonlyMap<number, number>
  /** What the answer must look like; `{kind: 'json-schema', schema}` for JSON. */
  readonly grammar?: Grammar
  /** Whether tokens are drafted ahead where that pays; true when absent. The tokens are the same without. */
  readonly drafts?: boolean
}

/** A piece of text and its tokens. */
export interface TextPart {
  readonly text: string
  readonly tokenId: number | null
  /** On the last part only. */
  readonly result?: GenerateResult
}

export interface GenerateAnswer extends GenerateResult {
  readonly usage: Usage
}

export interface SwarmClient {
  /** Streams the answer to a chat. Ending the loop early cancels the generation. */
  chat(messages: readonly ChatMessage[], options?: GenerateOptions): AsyncIterable<TextPart>
  /** Completes text or token ids, without a chat template. @returns the whole answer */
  generate(prompt: string | readonly number[], options?: GenerateOptions): Promise<GenerateAnswer>
  /** Completes text or token ids, and streams the answer. */
  stream(prompt: string | readonly number[], options?: GenerateOptions): AsyncIterable<TextPart>
  /** Computes hidden states after the first `layers[1]` blocks, and logits when these are all blocks. */
  forward(tokenIds: readonly number[], options?: ForwardOptions): Promise<ForwardResult>
  status(): SwarmStatus
  close(): Promise<void>
}

/** Makes the SDK's client from an engine; `connect` opens the engine. */
export function createSwarmClient(dependencies: {
  engine: Engine
  random: Random
  defaults: SamplingOptions
  status(): SwarmStatus
  close(): Promise<void>
}): SwarmClient {
  const { engine, random, defaults } = dependencies

  const tokenizerOf = (): NonNullable<Engine['tokenizer']> => {
    if (engine.tokenizer === null)
      throw new ShoalError('bad-request', 'this model has no tokenizer: give token ids instead of text')
    return engine.tokenizer
  }
  const requestOf = (promptIds: readonly number[], options: GenerateOptions): GenerateRequest => ({
    promptIds,
    maxTokens: options.maxTokens ?? 256,
    sampling: {
      ...defaults,
      ...given(options, ['temperature', 'topK', 'topP', 'minP', 'logitBias']),
      ...given(options, ['repetitionPenalty', 'presencePenalty', 'frequencyPenalty']),
      seed: options.seed ?? Number.parseInt(randomHex(random, 4), 16),
    },
    ...given(options, ['grammar', 'stop', 'ignoreEos', 'drafts', 'signal']),
  })
  const parts = async function* (
    promptIds: () => Promise<readonly number[]>,
    options: GenerateOptions,
  ): AsyncGenerator<TextPart> {
    for await (const event of engine.generate(requestOf(await promptIds(), options))) {
      if (event.type === 'done') yield { text: event.text, tokenId: null, result: event.result }
      else yield { text: event.text, tokenId: event.tokenId }
    }
  }
  /** The prompt is tokenised when the first part is asked for. */
  const idsOf = (prompt: string | readonly number[]): (() => Promise<readonly number[]>) => {
    if (typeof prompt !== 'string') return async () => prompt
    const tokenizer = tokenizerOf()
    return () => tokenizer.encode(prompt, { addSpecialTokens: true })
  }

  return {
    chat(messages, options = {}) {
      const tokenizer = tokenizerOf()
      const idsOfChat = async (): Promise<readonly number[]> =>
        tokenizer.encode(await tokenizer.renderChat(messages), { addSpecialTokens: false })
      return parts(idsOfChat, options)
    },
    stream: (prompt, options = {}) => parts(idsOf(prompt), options),
    async generate(prompt, options = {}) {
      for await (const part of parts(idsOf(prompt), options)) {
        if (part.result === undefined) continue
        const { promptTokens, completionTokens } = part.result
        return { ...part.result, usage: { promptTokens, completionTokens } }
      }
      throw new ShoalError('internal', 'the generation ended without a result')
    },
    async forward(tokenIds, options = {}) {
      const { hiddenStates, logits } = await engine.forward(tokenIds, options)
      const { hiddenSize, vocabularySize } = engine.manifest.manifest.config
      return { hiddenStates, logits, hiddenSize, vocabularySize }
    },
    status: () => dependencies.status(),
    close: () => dependencies.close(),
  }
}

/** The fields of these names that are not undefined. */
function given<T extends object, K extends keyof T>(
  options: T,
  names: readonly K[],
): { [Name in K]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as { [Name in K]?: Exclude<T[Name], undefined> }
}
