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

/** Tokens of one slice: a third of a second of a 1B model, so that a neighbour's noise of a second hits all sides. */
const sliceTokens = 8

/**
 * Decodes with several engines in turns of a few tokens, and gives each one's speed over all its turns.
 * @returns tokens per second, in the order of the engines
 */
export async function decodeInTurns(engines: readonly Engine[], tokens: number): Promise<number[]> {
  const seconds = engines.map(() => 0)
  let timed = 0
  while (timed < tokens) {
    const slice = Math.min(sliceTokens, tokens - timed)
    for (const [index, engine] of engines.entries()) seconds[index]! += slice / (await decodeOnce(engine, slice))
    timed += slice
  }
  return seconds.map((spent) => timed / spent)
}
