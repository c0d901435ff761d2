import { systemClock } from '@shoal/host/node'
import type { Engine, GenerateResult } from '@shoal/swarm'
import { quantile } from './report.ts'
import { benchPrompt, promptTokens } from './settings.ts'

/** One answer: what was promised for it, and the median time between two of its tokens. */
export interface TimedTokens {
  readonly predictedMs: number
  readonly measuredMs: number
  readonly route: GenerateResult['route']
}

/** @throws {Error} when the route promised nothing: an engine without peers */
export async function timeTokens(engine: Engine, tokens: number): Promise<TimedTokens> {
  const { vocabularySize } = engine.manifest.manifest.config
  const times: number[] = []
  for await (const event of engine.generate({
    promptIds: benchPrompt(vocabularySize, promptTokens),
    maxTokens: tokens,
    ignoreEos: true,
    // The prediction is of plain decoding, and random weights repeat themselves.
    drafts: false,
    sampling: { ...engine.defaultSampling, temperature: 0 },
  })) {
    if (event.type === 'token') times.push(systemClock.nowMs())
    else {
      const { predictedTpotMs, route } = event.result
      if (predictedTpotMs === null) throw new Error('the route promised nothing')
      return {
        predictedMs: predictedTpotMs,
        measuredMs: quantile(
          times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)),
          0.5,
        ),
        route,
      }
    }
  }
  throw new Error('the answer had no end')
}
