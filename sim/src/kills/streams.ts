import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeRandomModel, type RandomModelShape } from '@shoal/model/node'
import { answer, firstDifference, type Question } from './answer.ts'
import { startMortalSwarm, type MortalSwarm, type Range } from './mortal-swarm.ts'

/** A random model, its spans, and the spans that replace them. */
export interface StreamShape {
  readonly model: RandomModelShape
  /** Cuts between three stages, of which the first stays and the others are replaced. */
  readonly cuts: readonly [number, number]
  /** Cut of the middle stage into two. */
  readonly inner: number
}

/**
 * 16 blocks, as in the experiment in which ordinary graphs gave other tokens, but narrower, so that 500 tokens take
 * seconds. Embeddings are not tied: with tied ones random weights repeat a few tokens, which would prove little.
 */
export const streamShape: StreamShape = {
  model: {
    hidden: 1024,
    blocks: 16,
    heads: 16,
    keyValueHeads: 4,
    feedForward: 2816,
    vocabulary: 16_384,
    context: 1024,
    tied: false,
    seed: 3,
  },
  cuts: [5, 11],
  inner: 8,
}

export const streamFormats = ['int4:32', 'int8:32', 'f32'] as const
export type StreamFormat = (typeof streamFormats)[number]

export interface StreamReport {
  readonly weights: string
  readonly sampling: 'greedy' | 'seeded'
  readonly tokens: number
  readonly distinctTokens: number
  /** Index of the first token that differs from those of one undisturbed process; null when none does. */
  readonly firstDifference: number | null
  readonly failovers: number
  readonly continuity: string
}

/** Kills the holders of a range and starts others, with other cuts and another thread count. */
interface Exchange {
  /** Number of tokens before the exchange. */
  readonly at: number
  readonly range: Range
  readonly cuts: readonly number[]
  readonly threads: number
}

/**
 * Generates two answers over real processes. In the first, two processes replace the killed middle stage, and a process
 * with two threads replaces the last stage. In the second, one process replaces two neighbouring stages that are killed at
 * once, and two processes replace the last. Replays compute in chunks what was first computed row by row.
 */
export async function runStreams(
  folder: string,
  weights: StreamFormat,
  shape: StreamShape,
  tokens: number,
  report: (line: string) => void,
): Promise<StreamReport[]> {
  const model = join(folder, 'model')
  await mkdir(model, { recursive: true })
  await writeRandomModel(model, shape.model)
  const [first, second] = shape.cuts
  const { blocks } = shape.model
  const early = Math.round(tokens * 0.3)
  const late = Math.round(tokens * 0.65)
  const swarm = await startMortalSwarm({ model, weights, plain: true }, [
    [0, first],
    [first, second],
    [second, blocks],
  ])
  try {
    const turns: readonly {
      readonly sampling: StreamReport['sampling']
      readonly question: Question
      readonly exchanges: readonly Exchange[]
    }[] = [
      {
        sampling: 'greedy',
        question: { promptTokens: 40, maxTokens: tokens, sampling: { temperature: 0, repetitionPenalty: 1 } },
        exchanges: [
          { at: early, range: [first, second], cuts: [first, shape.inner, second], threads: 2 },
          { at: late, range: [second, blocks], cuts: [second, blocks], threads: 2 },
        ],
      },
      {
        sampling: 'seeded',
        question: {
          promptTokens: 40,
          maxTokens: tokens,
          sampling: { temperature: 1, topP: 1, topK: 0, repetitionPenalty: 1, seed: 20_261 },
        },
        exchanges: [
          { at: early, range: [first, second], cuts: [first, second], threads: 2 },
          { at: late, range: [second, blocks], cuts: [second, second + 1, blocks], threads: 1 },
        ],
      },
    ]
    const reports: StreamReport[] = []
    for (const { sampling, question, exchanges } of turns) {
      const expected = await answer(swarm.local, question)
      const result = await answer(swarm.engine, question, async (token) => {
        for (const one of exchanges) if (one.at === token) await exchange(swarm, one)
      })
      const { failovers, continuity, tokenIds } = result
      reports.push({
        weights,
        sampling,
        tokens: tokenIds.length,
        distinctTokens: new Set(tokenIds).size,
        firstDifference: firstDifference(tokenIds, expected.tokenIds),
        failovers,
        continuity,
      })
      report(`${weights}, ${sampling}: ${JSON.stringify(reports.at(-1))}`)
    }
    return reports
  } finally {
    await swarm.close()
    await rm(model, { recursive: true, force: true })
  }
}

async function exchange(swarm: MortalSwarm, { range: [start, end], cuts, threads }: Exchange): Promise<void> {
  const leaving = swarm.living().filter(({ range }) => range[0] >= start && range[1] <= end)
  const ranges = cuts.slice(0, -1).map((from, index): Range => [from, cuts[index + 1]!])
  await Promise.all(ranges.map((range) => swarm.start(range, threads)))
  await swarm.known()
  await Promise.all(leaving.map(({ node }) => node.stop('SIGKILL')))
}

/** Broken promises of a stream; empty when there are none. */
export function streamFaults(report: StreamReport, tokens: number): string[] {
  const faults: string[] = []
  if (report.tokens !== tokens) faults.push(`${report.tokens} of ${tokens} tokens came`)
  if (report.firstDifference !== null) faults.push(`token ${report.firstDifference} is another one`)
  if (report.failovers < 2) faults.push(`${report.failovers} failovers`)
  if (report.continuity !== 'identical') faults.push(`the result says '${report.continuity}'`)
  return faults
}
