import { orAborted, type Clock } from '@shoal/host'
import type { GeneratedToken, GenerateOptions } from '../../generation/generate.ts'
import type { Drafter } from './drafters/drafter.ts'
import { Windows } from './windows.ts'

/** How a generation drafts tokens. */
export interface Speculation {
  readonly drafter: Drafter
  readonly clock: Clock
  /** Answers of this coordinator under way, this one included: they wait for each other's rows. One when absent. */
  readonly answers?: () => number
  /** Called when drafts were sent or compared, with the sums so far. */
  readonly onCount?: (drafted: number, accepted: number) => void
}

/**
 * The generation loop with drafts. Each token is drawn as without them, from the logits of its own position and the tokens
 * before it; a drafted row counts while its token is the one that is drawn.
 * @param tokens prompt @param prefilled float32 `[1, hiddenSize]`: the prompt's last row
 */
export async function* speculate(
  options: GenerateOptions & { readonly speculation: Speculation },
  tokens: number[],
  prefilled: Float32Array,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const promptLength = tokens.length
  try {
    yield* drawTokens(options, tokens, prefilled)
  } finally {
    // The rows of all tokens but the last one are certain; what lies behind them may be of drafts that were not drawn.
    options.session.forget?.(Math.max(promptLength, tokens.length - 1))
  }
}

async function* drawTokens(
  options: Parameters<typeof speculate>[0],
  tokens: number[],
  prefilled: Float32Array,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const { head, sampler, maxTokens, endTokenIds, signal, speculation } = options
  const { drafter, clock, answers, onCount } = speculation
  const end = tokens.length + maxTokens
  for (const tokenId of tokens) drafter.append(tokenId)
  const windows = new Windows({ ...options, drafter, clock, answers, endPosition: end - 1 })
  let accepted = 0
  let hidden = prefilled
  let drafts: readonly number[] = []
  let kind = 0
  let buffer: Float32Array<SharedArrayBuffer> | undefined
  for (;;) {
    const rows = drafts.length + 1
    const startMs = clock.nowMs()
    const logits = await orAborted(head.logits(hidden, buffer), signal)
    windows.headComputed(rows, clock.nowMs() - startMs)
    const vocabularySize = logits.length / rows
    for (let row = 0; row < rows; row += 1) {
      const own = logits.subarray(row * vocabularySize, (row + 1) * vocabularySize)
      const position = tokens.length
      const drawn = sampler.sample(own, position, tokens)
      const tokenId = typeof drawn === 'number' ? drawn : await orAborted(drawn, signal)
      tokens.push(tokenId)
      const draft = drafts[row]
      const expected = draft === undefined ? windows.expected : { tokenId: draft, kind }
      windows.drawn(tokenId, expected)
      const right = expected?.tokenId === tokenId
      if (right) accepted += 1
      else windows.discard()
      onCount?.(windows.drafted, accepted)
      // The caller may end the answer here, so the next token is not drawn before it is asked for.
      yield { tokenId, logits: own, position }
      if (endTokenIds?.has(tokenId) === true || tokens.length === end) return
      if (!right) break
    }
    await windows.fill(tokens.at(-1)!, tokens.length)
    const next = await windows.next()
    if (next === null) throw new Error('no window is under way')
    hidden = next.hidden
    kind = next.window.kind
    drafts = next.window.tokenIds.slice(1)
    // The buffer is reused by calls of as many rows at most. After an abort nobody reads it.
    const size = next.window.tokenIds.length * vocabularySize
    if (buffer === undefined || buffer.length < size)
      buffer = new Float32Array(new SharedArrayBuffer(size * Float32Array.BYTES_PER_ELEMENT))
  }
}
