import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runStreams, streamFaults, streamFormats, streamShape, type StreamReport } from './streams.ts'

export interface StreamsReport {
  readonly streams: readonly StreamReport[]
  readonly failed: readonly {
    readonly seed: number
    readonly violations: readonly string[]
    readonly repeat: string
  }[]
  readonly lines: readonly string[]
}

/** Runs greedy and seeded streams in every weight format over random models of 16 blocks, one model for each seed. */
export async function chaosStreams(
  from: number,
  count: number,
  report: (line: string) => void,
  tokens: number,
): Promise<StreamsReport> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-streams-'))
  const streams: StreamReport[] = []
  const failed: StreamsReport['failed'][number][] = []
  try {
    for (let seed = from; seed < from + count; seed += 1) {
      for (const weights of streamFormats) {
        const found = await runStreams(
          folder,
          weights,
          { ...streamShape, model: { ...streamShape.model, seed } },
          tokens,
          report,
        )
        streams.push(...found)
        const violations = found.flatMap((stream) =>
          streamFaults(stream, tokens).map((fault) => `${weights}, ${stream.sampling}: ${fault}`),
        )
        if (violations.length > 0)
          failed.push({
            seed,
            violations,
            repeat: `npm run chaos -- streams --count 1 --from ${seed} --tokens ${tokens}`,
          })
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const lines = streams.map(
    ({ weights, sampling, firstDifference, tokens: came, distinctTokens, failovers, continuity }) =>
      `${weights} ${sampling}: first different token ${firstDifference ?? `none of ${came}`}, ${distinctTokens} distinct, ${failovers} failovers, ${continuity}`,
  )
  return { streams, failed, lines }
}
