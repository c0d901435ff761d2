import { onAbort, ShoalError, timeLimit } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { SamplingOptions } from '@shoal/model'
import type { Engine, GenerateResult } from '@shoal/swarm'
import { benchPrompt } from '../bench/settings.ts'

export interface Question {
  readonly promptTokens: number
  readonly maxTokens: number
  readonly sampling: Partial<SamplingOptions>
  /** Whether tokens are drafted where that pays; true when absent. */
  readonly drafts?: boolean | undefined
}

/** An answer without a token for this long hangs: no wait for a replacement lasts longer. */
const tokenWithinMs = 60_000

/** Generates a whole answer. After each token it awaits `onToken` before it asks for the next. */
export async function answer(
  engine: Engine,
  { promptTokens, maxTokens, sampling, drafts = true }: Question,
  onToken: (tokens: number) => Promise<void> | void = () => undefined,
): Promise<GenerateResult> {
  const hangs = (): ShoalError =>
    new ShoalError('deadline-passed', `no token within ${tokenWithinMs / 1000} s`)
  const ended = new AbortController()
  const promptIds = benchPrompt(engine.manifest.manifest.config.vocabularySize, promptTokens)
  let limit = timeLimit(systemClock, tokenWithinMs, hangs)
  const watch = (): void => {
    limit.clear()
    limit = timeLimit(systemClock, tokenWithinMs, hangs)
    const { signal } = limit
    onAbort(signal, () => ended.abort(signal.reason))
  }
  watch()
  try {
    let tokens = 0
    for await (const event of engine.generate({
      promptIds,
      maxTokens,
      ignoreEos: true,
      drafts,
      sampling: { ...engine.defaultSampling, ...sampling },
      signal: ended.signal,
    })) {
      if (event.type === 'done') return event.result
      tokens += 1
      // `onToken` has no time limit: it may start processes.
      limit.clear()
      await onToken(tokens)
      watch()
    }
    throw new ShoalError('internal', 'a generation ended without a result')
  } finally {
    limit.clear()
  }
}

/** Index of the first token that differs or is missing; null when the answers are equal. */
export function firstDifference(tokens: readonly number[], expected: readonly number[]): number | null {
  const apart = expected.findIndex((id, index) => tokens[index] !== id)
  if (apart >= 0) return apart
  return tokens.length === expected.length ? null : expected.length
}
