import type { Engine } from '@shoal/swarm'
import { benchPrompt } from './settings.ts'

/** Prompt tokens before the timed ones: the depth that compute.md's figures have. */
export const promptTokens = 16

/** Tokens per second of greedy decoding, the prompt's time left out: what `generate --json` prints. */
export async function decodeOnce(engine: Engine, tokens: number): Promise<number> {
  const promptIds = benchPrompt(engine.manifest.manifest.config.vocabularySize, promptTokens)
  for await (const event of engine.generate({ promptIds, maxTokens: tokens + 1, ignoreEos: true, sampling: { ...engine.defaultSampling, temperature: 0 } })) {
    if (event.type === 'done') return event.result.tokensPerSecond
  }
  throw new Error('a generation ended without a result')
}
