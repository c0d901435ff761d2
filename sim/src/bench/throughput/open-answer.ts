import { systemClock } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'

/** More than any bench takes: the session's memory is reserved for so many. */
const maxTokens = 1024

/** A greedy answer that goes on as far as it is asked to. */
export class OpenAnswer {
  readonly tokenIds: number[] = []
  readonly #tokens: ReturnType<ReturnType<Engine['generate']>[typeof Symbol.asyncIterator]>

  /** @param drafts with drafts, several tokens come at once, and more are under way when the answer is not asked for any */
  constructor(engine: Engine, promptIds: readonly number[], drafts = false) {
    const stream = engine.generate({
      promptIds,
      maxTokens,
      ignoreEos: true,
      drafts,
      sampling: { ...engine.defaultSampling, temperature: 0 },
    })
    this.#tokens = stream[Symbol.asyncIterator]()
  }

  /** Makes so many more tokens. */
  async take(count: number): Promise<void> {
    for (let made = 0; made < count; made += 1) {
      const { done, value } = await this.#tokens.next()
      if (done === true || value.type !== 'token') throw new Error('an answer ended before its turn')
      this.tokenIds.push(value.tokenId)
    }
  }

  async close(): Promise<void> {
    await this.#tokens.return?.()
  }
}

/** @param prompt numbers the prompts; each is another sequence of ids */
export function numberedPrompt(engine: Engine, prompt: number, length: number): number[] {
  const { vocabularySize } = engine.manifest.manifest.config
  return Array.from({ length }, (_, i) => (i * 7919 + prompt * 104_729 + 11) % vocabularySize)
}

/** @returns milliseconds until the first token of an answer that has not begun; it ends there */
export async function timeToFirstToken(answer: OpenAnswer): Promise<number> {
  const startMs = systemClock.nowMs()
  await answer.take(1)
  const ms = systemClock.nowMs() - startMs
  await answer.close()
  return ms
}
