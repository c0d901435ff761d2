import type { Matcher } from '@shoal/grammar/node'
import { orAborted, ShoalError } from '@shoal/host'
import { createSampler, type Sampler, type SamplingOptions } from '@shoal/model'
import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import { generateTokens, type HiddenSession, type TokenSampler } from '@shoal/session'
import type { Engine, GenerateEvent, GenerateRequest } from '../types.ts'
import { bestLogitsNeeded, type Vocabulary } from '../vocabulary/vocabulary.ts'
import { createAnswer } from './answer.ts'
import type { DraftModel } from './drafting/draft-model.ts'
import { createDrafting } from './drafting/drafting.ts'
import { createAnswersShown, type AnswersShown } from './answers-shown.ts'
import { createConstraints, type ConstraintDependencies, type Constraints } from './constrained/constraint.ts'

export interface EngineSession extends HiddenSession {
  /** Notes the tokens of the first positions, for later sessions that begin with them; absent where nothing is reused. */
  remember?(ids: readonly number[]): void
}

export interface EngineDependencies extends ConstraintDependencies {
  readonly defaultSampling: SamplingOptions
  readonly embedding: EmbeddingTable
  readonly head: HeadRunner
  /** Embedding and head for one answer, of which the `best` largest logits are needed; as above when absent. */
  vocabularyFor?(best: number): Vocabulary
  /**
   * All blocks for one generation of at most `tokenBudget` positions: over a route, or in this process.
   * @param prompt what it begins with, and whose it is: the session may have the first rows of that already
   */
  openSession(
    tokenBudget: number,
    signal: AbortSignal | undefined,
    prompt?: { readonly ids: readonly number[]; readonly owner: string },
  ): Promise<EngineSession>
  /** Runs the first `end` blocks only; absent where routes cannot be cut at will. */
  openPartialSession?(
    end: number,
    tokenBudget: number,
    signal: AbortSignal | undefined,
  ): Promise<HiddenSession>
  /** Time of one token along a session's route behind `past` positions, this peer's own work included; absent without peers. */
  predictTokenMs?(route: ReturnType<HiddenSession['route']>, past: number): number | null
  /** Whether tokens are drafted ahead where that pays; an engine of one process is the reference, and does not. */
  readonly speculates?: boolean
  /** Proposes tokens where the text repeats nothing. */
  readonly draft?: DraftModel | undefined
  close(): Promise<void>
}

/** The coordinator: it owns text, tokens, embedding, head and sampler; peers see hidden states only (private placement). */
export function createEngine(dependencies: EngineDependencies): Engine {
  const { manifest, tokenizer, embedding, head } = dependencies
  const { config } = manifest.manifest
  const shown = createAnswersShown()
  const constraints = createConstraints(dependencies)

  return {
    manifest,
    tokenizer,
    defaultSampling: dependencies.defaultSampling,
    async close() {
      await constraints.close()
      await dependencies.close()
    },
    generate: (request) => generate(dependencies, request, constraints, shown),
    answers: () => shown.list(),
    async forward(tokenIds, options = {}) {
      checkPrompt(dependencies, tokenIds, 0)
      const [start, end] = options.layers ?? [0, config.blockCount]
      if (start !== 0 || end < 1 || end > config.blockCount) {
        throw new ShoalError(
          'bad-request',
          `layers must be [0, end) with end from 1 to ${config.blockCount}, not [${start}, ${end})`,
        )
      }
      const partial = end < config.blockCount
      if (partial && dependencies.openPartialSession === undefined)
        throw new ShoalError('bad-request', 'this engine cannot give the hidden states of inner blocks')
      const session = partial
        ? await dependencies.openPartialSession!(end, tokenIds.length, options.signal)
        : await dependencies.openSession(tokenIds.length, options.signal)
      try {
        const hiddenStates = await session.forward(await embedding.lookup(tokenIds), {
          want: 'all',
          ...signalOf(options),
        })
        return { hiddenStates, logits: partial ? null : await head.logits(hiddenStates) }
      } finally {
        await session.close()
      }
    },
  }
}

const signalOf = (options: { signal?: AbortSignal }): { signal?: AbortSignal } =>
  options.signal === undefined ? {} : { signal: options.signal }

function checkPrompt(
  dependencies: EngineDependencies,
  promptIds: readonly number[],
  maxTokens: number,
): void {
  const { config } = dependencies.manifest.manifest
  if (promptIds.length === 0)
    throw new ShoalError('bad-request', 'the prompt is empty: give at least one token')
  for (const id of promptIds) {
    if (!Number.isSafeInteger(id) || id < 0 || id >= config.vocabularySize) {
      throw new ShoalError(
        'bad-request',
        `token id ${id} is outside the vocabulary of ${config.vocabularySize}`,
      )
    }
  }
  // Room for one token at least, where any is to be made.
  if (promptIds.length + Math.min(maxTokens, 1) > config.contextLength) {
    throw new ShoalError(
      'bad-request',
      `the prompt has ${promptIds.length} tokens, but the model's context is ${config.contextLength}`,
    )
  }
}

/** @returns how many tokens the answer may have: those that are asked for, as far as the context has room */
function tokensOfAnswer(dependencies: EngineDependencies, { promptIds, maxTokens }: GenerateRequest): number {
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1)
    throw new ShoalError('bad-request', `max tokens must be a positive integer, not ${maxTokens}`)
  checkPrompt(dependencies, promptIds, maxTokens)
  // A context that runs out ends the answer with `length`; it is not an error to ask for more than is left.
  return Math.min(maxTokens, dependencies.manifest.manifest.config.contextLength - promptIds.length)
}

/** Draws among the tokens that the grammar allows. The set for the next token is found while the model computes. */
function constrained(drawing: Sampler, matcher: Matcher, promptTokens: number): TokenSampler {
  return {
    async sample(logits, position, tokens) {
      const output = tokens.slice(promptTokens)
      const tokenId = drawing.sample(logits, position, tokens, await matcher.allowed(output))
      matcher.ahead([...output, tokenId])
      return tokenId
    },
  }
}

async function* generate(
  dependencies: EngineDependencies,
  request: GenerateRequest,
  constraints: Constraints,
  answers: AnswersShown,
): AsyncGenerator<GenerateEvent> {
  const { promptIds, sampling, signal } = request
  const { vocabularySize } = dependencies.manifest.manifest.config
  const maxTokens = tokensOfAnswer(dependencies, request)
  const drawing = createSampler(sampling, vocabularySize, promptIds.length)
  const matcher = await orAborted(constraints.matcherOf(request), signal)
  const sampler = matcher === null ? drawing : constrained(drawing, matcher, promptIds.length)
  try {
    yield* drawAnswer(dependencies, { ...request, maxTokens }, sampler, answers)
  } finally {
    matcher?.close()
  }
}

/** How many of the largest logits of a row are looked at; 0 for all. */
function bestLogits(
  { manifest }: EngineDependencies,
  { sampling, grammar, topLogprobs }: GenerateRequest,
): number {
  if (grammar !== undefined || topLogprobs !== undefined) return 0
  return bestLogitsNeeded(sampling, manifest.manifest.config.vocabularySize)
}

async function* drawAnswer(
  dependencies: EngineDependencies,
  request: GenerateRequest,
  sampler: TokenSampler,
  answers: AnswersShown,
): AsyncGenerator<GenerateEvent> {
  const { promptIds, maxTokens } = request
  const { embedding, head } = dependencies.vocabularyFor?.(bestLogits(dependencies, request)) ?? dependencies
  const answer = createAnswer(dependencies, request)

  // The last token's own hidden state is never computed, so the budget is one less than prompt plus answer.
  const prompt = { ids: promptIds, owner: request.prefixOwner ?? '' }
  const session = await dependencies.openSession(promptIds.length + maxTokens, request.signal, prompt)
  const reusedTokens = session.length
  const made: number[] = []
  const shown = answers.begin(session, promptIds.length)
  const predictedTpotMs =
    dependencies.predictTokenMs?.(session.route(), promptIds.length + Math.floor(maxTokens / 2)) ?? null
  const drafting = await createDrafting({ ...dependencies, answers: () => answers.size }, request, maxTokens)
  try {
    const tokens = generateTokens({
      session,
      embedding,
      head,
      sampler,
      promptIds,
      maxTokens,
      ...signalOf(request),
      ...drafting.options,
    })
    for await (const { tokenId, logits } of tokens) {
      // As soon as the prompt has been computed, other sessions may begin with it.
      if (made.length === 0) session.remember?.(promptIds)
      made.push(tokenId)
      shown.token()
      const event = answer.push(tokenId, logits)
      if (event !== null) yield event
      if (answer.finished) break
    }
    const tail = answer.finish()
    yield {
      type: 'done',
      text: tail,
      result: {
        ...answer.result(),
        promptTokens: promptIds.length,
        reusedTokens,
        route: session.route(),
        failovers: session.failovers,
        moves: session.moves,
        continuity: session.continuity,
        predictedTpotMs,
        ...drafting.counts,
      },
    }
  } finally {
    // The last token's own row was never computed: a wrong draft may stand in its place.
    session.remember?.([...promptIds, ...made.slice(0, -1)])
    shown.end()
    await drafting.close()
    await session.close()
  }
}
