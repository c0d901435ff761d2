import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { formatProfile } from '@shoal/model'
import { openLocalEngine } from '@shoal/swarm/node'
import type { Engine } from '@shoal/swarm'
import { decodeInterleaved } from './interleaved.ts'
import { describeMachine } from './machine.ts'
import { benchModel } from './model.ts'
import { openClientPipeline, openPipeline } from './process-pipeline.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import { promptTokens, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** Threads of every process, the single one included, so that the comparison is fair. */
const threads = 1
/** A sixth of a second of a 1B model: a shared machine changes its speed every second or two. */
const turnTokens = 4

/** A pair's ratio differs by a sixth from the next one's on a shared machine: 120 pairs bring the median within 2 %. */
const turnsPerRound = 24

const layouts = [
  { name: 'TwoProcesses', processes: 2, openEngine: openPipeline },
  { name: 'FourProcesses', processes: 4, openEngine: openPipeline },
  { name: 'TwoProcessesAndClient', processes: 2, openEngine: openClientPipeline },
] as const

/** 64 tokens. */
const warmUpTurns = 16

/**
 * One process against two and four that share the model over encrypted loopback connections, and against two with a
 * client that holds no blocks. Without the client, this process coordinates and holds the last span: the first hop then
 * leaves while its thread is awake from the token before, and only one process at a time has to come back from idle with
 * cold caches (two interleaved runs gave 1.00 and 0.96 of one process, against 0.96 and 0.89 when it held the first span).
 */
export async function benchPipeline(settings: BenchSettings): Promise<BenchReport> {
  const { dataFolder, weights } = settings
  const model = await benchModel(settings.model, dataFolder, settings.report)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'))
  const open: { close(): Promise<void> }[] = []
  const samples: Record<string, number[]> = {}
  let profile = ''
  try {
    settings.report('loading one process …')
    const single = await openLocalEngine(dependencies, { model, weights, threads, dataFolder })
    open.push(single)
    profile = formatProfile(single.manifest.manifest.profile)
    const pipelines: { name: string; engine: Engine }[] = [{ name: 'OneProcess', engine: single }]
    for (const { name, processes, openEngine } of layouts) {
      settings.report(`loading ${processes} processes …`)
      const pipeline = await openEngine({
        model,
        weights,
        processes,
        blockCount: single.manifest.manifest.config.blockCount,
        threads,
        dataFolder,
        folder: join(folder, name),
      })
      open.push(pipeline)
      pipelines.push({ name, engine: pipeline.engine })
    }
    const turns = settings.rounds * turnsPerRound
    const speeds = await decodeInterleaved(
      pipelines.map(({ engine }) => engine),
      {
        turns,
        turnTokens,
        warmUpTurns,
        report: (turn) => {
          if (turn % 10 === 0) settings.report(turn > 0 ? `turn ${turn} of ${turns}` : 'warming up …')
        },
      },
    )
    for (const [index, { name }] of pipelines.entries())
      samples[`tokensPerSecond${name}`] = speeds[index]!.map(round)
  } finally {
    for (const one of open.reverse()) await one.close()
    await rm(folder, { recursive: true, force: true })
  }
  const one = samples['tokensPerSecondOneProcess'] ?? []
  for (const { name } of layouts)
    samples[`ratio${name}`] = ratios(samples[`tokensPerSecond${name}`] ?? [], one)
  samples['hopMsP50'] = (samples['tokensPerSecondTwoProcesses'] ?? []).map((speed, i) =>
    round((1000 / speed - 1000 / one[i]!) / 2),
  )
  return {
    name: 'pipeline',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: {
      rounds: settings.rounds,
      turnsPerRound,
      turnTokens,
      promptTokens,
      threadsPerProcess: threads,
      weights: profile,
    },
    samples,
    median: medians(samples),
    notes: [
      'hopMsP50 is the time that a token takes longer over two processes than in one, halved: one hop there, one back; compute noise is in it',
    ],
  }
}
