import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import { orAborted } from '@shoal/host'
import { speculate, type Speculation } from '../coordinator/speculation/speculate.ts'
import { prefill, type PrefillOptions } from './prefill.ts'
import type { HiddenSession } from '../route/types.ts'

/**
 * Draws tokens. Its randomness is a function of seed and position, so that the same prompt and seed always give the
 * same tokens.
 */
export interface TokenSampler {
  /**
   * @param logits float32 `[vocabularySize]` @param position of the token to draw, prompt included
   * @param tokens all ids so far, the prompt's first
   */
  sample(logits: Float32Array, position: number, tokens: readonly number[]): number | Promise<number>
}

export interface GenerateOptions extends Pick<PrefillOptions, 'chunkRows' | 'window'> {
  readonly session: HiddenSession
  readonly embedding: EmbeddingTable
  readonly head: HeadRunner
  readonly sampler: TokenSampler
  /** At least one. */
  readonly promptIds: readonly number[]
  readonly maxTokens: number
  /** Token ids after which generation ends; none when absent. */
  readonly endTokenIds?: ReadonlySet<number>
  readonly signal?: AbortSignal
  /** Drafts tokens ahead; the tokens are the same without it. */
  readonly speculation?: Speculation
}

export interface GeneratedToken {
  readonly tokenId: number
  /** float32 `[vocabularySize]`: the logits that the token was drawn from, valid until the next token is asked for. */
  readonly logits: Float32Array
  /** Position of the token, prompt included. */
  readonly position: number
}

/**
 * The generation loop: token ids in, token ids out. It computes only when the next token is asked for; with speculation,
 * also the rows that were sent ahead. Ending the iteration, or aborting the signal, stops it; the session stays open, for the
 * caller to close.
 */
export async function* generateTokens(
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const { session, embedding, head, sampler, maxTokens, endTokenIds, signal } = options
  const tokens = [...options.promptIds]
  const withSignal = signal === undefined ? {} : { signal }

  // A session may have the first rows already.
  const here = session.length
  const promptRows = {
    rows: tokens.length - here,
    read: (from: number, to: number) => embedding.lookup(options.promptIds.slice(here + from, here + to)),
  }
  const chunks = {
    ...(options.chunkRows === undefined ? {} : { chunkRows: options.chunkRows }),
    ...(options.window === undefined ? {} : { window: options.window }),
  }
  let hidden = await prefill(session, promptRows, { ...chunks, ...withSignal })

  const { speculation } = options
  if (speculation !== undefined) return yield* speculate({ ...options, speculation }, tokens, hidden)

  let buffer: Float32Array<SharedArrayBuffer> | undefined
  for (let made = 0; made < maxTokens; made += 1) {
    const logits = await orAborted(head.logits(hidden, buffer), signal)
    // The buffer is reused. After an abort nobody reads it, so a computation that still writes to it does no harm.
    buffer ??= new Float32Array(new SharedArrayBuffer(logits.byteLength))
    const position = tokens.length
    const drawn = sampler.sample(logits, position, tokens)
    const tokenId = typeof drawn === 'number' ? drawn : await orAborted(drawn, signal)
    tokens.push(tokenId)
    yield { tokenId, logits, position }
    if (endTokenIds?.has(tokenId) === true || made + 1 === maxTokens) return
    hidden = await session.forward(await embedding.lookup([tokenId]), { want: 'last', ...withSignal })
  }
}
