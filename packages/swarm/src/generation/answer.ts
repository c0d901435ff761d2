import type { Clock } from '@shoal/host'
import { createStopFilter, logprobs, type IdentifiedManifest, type Tokenizer } from '@shoal/model'
import type { GenerateEvent, GenerateRequest, GenerateResult, TokenLogprob } from '../types.ts'

/** An answer in the making: its text, where it ends, and its pace. */
export interface Answer {
  /**
   * Takes the next token.
   * @param logits float32 `[vocabularySize]` that it was drawn from
   * @returns its event; null for an end token, which counts as an id of the answer and never as text
   */
  push(tokenId: number, logits: Float32Array): GenerateEvent | null
  /** Whether an end token or a stop text has come. */
  readonly finished: boolean
  /** No further token comes. @returns the text that was held back until now */
  finish(): string
  result(): Pick<
    GenerateResult,
    'text' | 'tokenIds' | 'finishReason' | 'stopText' | 'completionTokens' | 'ttftMs' | 'tokensPerSecond'
  >
}

export function createAnswer(
  {
    clock,
    tokenizer,
    manifest,
  }: {
    readonly clock: Clock
    readonly tokenizer: Tokenizer | null
    readonly manifest: IdentifiedManifest
  },
  request: Pick<GenerateRequest, 'stop' | 'ignoreEos' | 'shownTokens' | 'topLogprobs'>,
): Answer {
  const { eosTokenIds } = manifest.manifest.config
  const stops = createStopFilter(request.stop ?? [])
  const stream = tokenizer?.stream({ shownTokens: request.shownTokens ?? [] }) ?? null
  const ends = request.ignoreEos === true ? new Set<number>() : new Set(eosTokenIds)
  const pace = createPace(clock)
  const tokenIds: number[] = []
  let text = ''
  let end: 'token' | 'text' | null = null
  let stopText: string | null = null

  return {
    push(tokenId, logits) {
      pace.token()
      tokenIds.push(tokenId)
      if (ends.has(tokenId)) {
        end = 'token'
        return null
      }
      const { emit, stop } = stops.push(stream?.push(tokenId) ?? '')
      text += emit
      if (stop !== null) end = 'text'
      stopText = stop
      return {
        type: 'token',
        tokenId,
        text: emit,
        ...(request.topLogprobs === undefined
          ? {}
          : { logprob: describeLogprob(logits, tokenId, request.topLogprobs, tokenizer) }),
      }
    },
    get finished() {
      return end !== null
    },
    finish() {
      const tail = end === 'text' ? '' : stops.push(stream?.flush() ?? '').emit + stops.flush()
      text += tail
      return tail
    },
    result: () => ({
      text,
      tokenIds,
      finishReason: end === null ? 'length' : 'stop',
      stopText,
      completionTokens: tokenIds.length,
      ...pace.measured(),
    }),
  }
}

/** Times of tokens. The time of the first token includes that of the prompt; the rate is that of the others. */
function createPace(clock: Clock): {
  token(): void
  measured(): Pick<GenerateResult, 'ttftMs' | 'tokensPerSecond'>
} {
  const startMs = clock.nowMs()
  let firstMs: number | null = null
  let lastMs = startMs
  let tokens = 0
  return {
    token() {
      lastMs = clock.nowMs()
      firstMs ??= lastMs
      tokens += 1
    },
    measured() {
      const decodeSeconds = (lastMs - (firstMs ?? lastMs)) / 1000
      return {
        ttftMs: (firstMs ?? lastMs) - startMs,
        tokensPerSecond: decodeSeconds > 0 ? (tokens - 1) / decodeSeconds : 0,
      }
    },
  }
}

function describeLogprob(
  logits: Float32Array,
  tokenId: number,
  top: number,
  tokenizer: Tokenizer | null,
): TokenLogprob & { top: readonly TokenLogprob[] } {
  const textOf = (id: number): string => tokenizer?.decode([id]) ?? ''
  const likely = logprobs(logits, tokenId, top)
  return {
    tokenId,
    text: textOf(tokenId),
    logprob: likely.logprob,
    top: likely.top.map((entry) => ({
      tokenId: entry.tokenId,
      text: textOf(entry.tokenId),
      logprob: entry.logprob,
    })),
  }
}
