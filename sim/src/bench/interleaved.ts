import type { Engine } from '@shoal/swarm'
import type { LlamaPeer } from './llama-cpp/llama-peer.ts'
import { benchPrompt, promptTokens } from './settings.ts'

export interface InterleavedSettings {
  /** Measured turns. */
  readonly turns: number
  readonly turnTokens: number
  /** Unmeasured turns before them: buffers grow, and the code of a hop is compiled after some hundred frames. */
  readonly warmUpTurns: number
  readonly report: (turn: number) => void
  /** Measured beside the engines, with the same prompt; its ids are below `vocabularySize`. */
  readonly peers?: { readonly peers: readonly LlamaPeer[]; readonly vocabularySize: number }
}

/** A greedy generation that is under way. */
interface Decoder {
  decode(tokens: number): Promise<void>
  close(): Promise<void>
}

/**
 * One greedy generation by each engine, all open at once, decoded in turns of a few tokens there and back again (ABBA).
 * A shared machine changes its speed by half within a second or two: only tokens made within one such moment can be
 * compared, and whole generations after one another are not.
 * @returns tokens per second, for each engine and then for each peer one figure a turn
 */
export async function decodeInterleaved(
  engines: readonly Engine[],
  settings: InterleavedSettings,
): Promise<number[][]> {
  const { turns, turnTokens, warmUpTurns, report, peers } = settings
  const maxTokens = 1 + (turns + warmUpTurns) * turnTokens
  const decoders = engines.map((engine) => engineDecoder(engine, maxTokens))
  try {
    // The first token of each decoder waits for its prefill.
    for (const decoder of decoders) await decoder.decode(1)
    for (const peer of peers?.peers ?? []) {
      await peer.prompt(benchPrompt(peers!.vocabularySize, promptTokens))
      decoders.push({ decode: (tokens) => peer.decode(tokens), close: () => Promise.resolve() })
    }
    const speeds: number[][] = decoders.map(() => [])
    for (let turn = -warmUpTurns; turn < turns; turn += 1) {
      const order = [...decoders.keys()]
      for (const index of turn % 2 === 0 ? order : order.toReversed()) {
        const started = performance.now()
        await decoders[index]!.decode(turnTokens)
        if (turn >= 0) speeds[index]!.push((turnTokens * 1000) / (performance.now() - started))
      }
      report(turn + 1)
    }
    return speeds
  } finally {
    for (const decoder of decoders) await decoder.close()
  }
}

function engineDecoder(engine: Engine, maxTokens: number): Decoder {
  const stream = engine.generate({
    promptIds: benchPrompt(engine.manifest.manifest.config.vocabularySize, promptTokens),
    maxTokens,
    ignoreEos: true,
    // Random weights soon repeat themselves: drafts would be right, and the pace of calls and hops would not be seen.
    drafts: false,
    sampling: { ...engine.defaultSampling, temperature: 0 },
  })
  const generation = stream[Symbol.asyncIterator]()
  return {
    decode: async (tokens) => {
      for (let made = 0; made < tokens; made += 1) {
        const { done, value } = await generation.next()
        if (done === true || value.type !== 'token') throw new Error('a generation ended before its turn')
      }
    },
    close: async () => void (await generation.return?.()),
  }
}
