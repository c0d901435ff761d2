import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { describeMachine } from './machine.ts'
import { llama1B, benchModel } from './model.ts'
import { openPipeline } from './process-pipeline.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { numberedPrompt, OpenAnswer } from './throughput/open-answer.ts'

/** Of each of the two processes. */
const threads = 1
const prefixTokens = 2000
/** What each request adds behind the common prefix, and each turn of a chat behind the answer. */
const ownTokens = 16
const answerTokens = 8

/** A request, and what came of it. */
interface Measured {
  readonly promptIds: readonly number[]
  readonly tokenIds: readonly number[]
  readonly ttftMs: number
}

/** The time to the first token of a second request with a long common prefix, and of the next turn of a chat. */
export async function benchPrefix(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'))
  const { dataFolder } = settings
  settings.report('loading two processes …')
  const pipeline = await openPipeline({
    model,
    weights: settings.weights,
    processes: 2,
    blockCount: llama1B.blocks,
    threads,
    dataFolder,
    folder,
  })
  const series = { first: [] as number[], second: [] as number[], next: [] as number[] }
  const reused: Measured[] = []
  try {
    const { engine } = pipeline
    // The first answer opens connections and grows buffers.
    await answer(engine, numberedPrompt(engine, 1, ownTokens))
    for (let turn = 0; turn < Math.min(settings.rounds, 3); turn += 1) {
      settings.report(`prefix ${turn + 1}`)
      const numbered = (index: number, length: number): number[] =>
        numberedPrompt(engine, 10 * turn + index, length)
      const prefix = numbered(2, prefixTokens)
      const first = await answer(engine, [...prefix, ...numbered(3, ownTokens)])
      const second = await answer(engine, [...prefix, ...numbered(4, ownTokens)])
      const next = await answer(engine, [...second.promptIds, ...second.tokenIds, ...numbered(5, ownTokens)])
      series.first.push(round(first.ttftMs))
      series.second.push(round(second.ttftMs))
      series.next.push(round(next.ttftMs))
      reused.push(second, next)
    }
  } finally {
    await pipeline.close()
    await rm(folder, { recursive: true, force: true })
  }
  const compared = await compareAlone(model, dataFolder, reused.slice(0, 2), settings.report)
  const samples = {
    ttftMsFirstRequest: series.first,
    ttftMsSecondRequest: series.second,
    ttftMsNextTurn: series.next,
    ttftRatioSecondRequest: ratios(series.second, series.first),
    ttftRatioNextTurn: ratios(series.next, series.first),
  }
  return {
    name: 'prefix',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { rounds: series.first.length, prefixTokens, ownTokens, stages: 2, threadsPerProcess: threads },
    samples,
    median: medians(samples),
    notes: [`${compared} answers that began with kept rows have the tokens of one process without any`],
  }
}

async function answer(engine: Engine, promptIds: readonly number[]): Promise<Measured> {
  const opened = new OpenAnswer(engine, promptIds)
  const startMs = systemClock.nowMs()
  await opened.take(1)
  const ttftMs = systemClock.nowMs() - startMs
  await opened.take(answerTokens - 1)
  await opened.close()
  return { promptIds, tokenIds: opened.tokenIds, ttftMs }
}

/** @returns how many answers were compared @throws {Error} when one has other tokens in one process */
async function compareAlone(
  model: string,
  dataFolder: string,
  answers: readonly Measured[],
  report: (line: string) => void,
): Promise<number> {
  report('the same in one process …')
  const single = await openLocalEngine(
    { clock: systemClock, random: systemRandom, logger: silentLogger },
    { model, threads: 2, dataFolder },
  )
  try {
    for (const { promptIds, tokenIds } of answers) {
      const alone = await answer(single, promptIds)
      if (alone.tokenIds.join() !== tokenIds.join())
        throw new Error(`${tokenIds.join()} came with kept rows, ${alone.tokenIds.join()} without`)
    }
  } finally {
    await single.close()
  }
  return answers.length
}
