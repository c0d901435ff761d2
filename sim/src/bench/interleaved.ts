import type { Engine } from '@shoal/swarm'
import { benchPrompt, promptTokens } from './settings.ts'

export interface InterleavedSettings {
  /** Measured turns. */
  readonly turns: number
  readonly turnTokens: number
  /** Unmeasured turns before them: buffers grow, and the code of a hop is compiled after some hundred frames. */
  readonly warmUpTurns: number
  readonly report: (turn: number) => void
}

/**
 * One greedy generation by each engine, all open at once, decoded in turns of a few tokens there and back again (ABBA).
 * A shared machine changes its speed by half within a second or two: only tokens made within one such moment can be
 * compared, and whole generations after one another are not.
 * @returns tokens per second, for each engine one figure a turn
 */
export async function decodeInterleaved(
  engines: readonly Engine[],
  { turns, turnTokens, warmUpTurns, report }: InterleavedSettings,
): Promise<number[][]> {
  const maxTokens = 1 + (turns + warmUpTurns) * turnTokens
  const generations = engines.map((engine) => {
    const promptIds = benchPrompt(engine.manifest.manifest.config.vocabularySize, promptTokens)
    const stream = engine.generate({
      promptIds,
      maxTokens,
      ignoreEos: true,
      // Random weights soon repeat themselves: drafts would be right, and the pace of calls and hops would not be seen.
      drafts: false,
      sampling: { ...engine.defaultSampling, temperature: 0 },
    })
    return stream[Symbol.asyncIterator]()
  })
  const speeds: number[][] = engines.map(() => [])
  try {
    // The first token of each engine waits for its prefill.
    for (const generation of generations) await decode(generation, 1)
    for (let turn = -warmUpTurns; turn < turns; turn += 1) {
      const order = [...generations.keys()]
      for (const index of turn % 2 === 0 ? order : order.toReversed()) {
        const started = performance.now()
        await decode(generations[index]!, turnTokens)
        if (turn >= 0) speeds[index]!.push((turnTokens * 1000) / (performance.now() - started))
      }
      report(turn + 1)
    }
  } finally {
    for (const generation of generations) await generation.return?.()
  }
  return speeds
}

async function decode(
  generation: ReturnType<ReturnType<Engine['generate']>[typeof Symbol.asyncIterator]>,
  tokens: number,
): Promise<void> {
  for (let made = 0; made < tokens; made += 1) {
    const { done, value } = await generation.next()
    if (done === true || value.type !== 'token') throw new Error('a generation ended before its turn')
  }
}
