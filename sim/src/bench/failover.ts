import { systemClock } from '@shoal/host/node'
import type { GenerateResult } from '@shoal/swarm'
import { openReference } from '@shoal/swarm/node'
import { answer } from '../kills/answer.ts'
import type { MortalNode } from '../kills/mortal-node.ts'
import { startMortalSwarm, type MortalSwarm, type Range } from '../kills/mortal-swarm.ts'
import { createFailoverRecorder, type FailoverRecorder } from './failover-recorder.ts'
import { openSparedClient, stallStepsWithSpare } from './failover/with-spare.ts'
import { describeMachine } from './machine.ts'
import { median, medians, quantile, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

/** Rows of the prompt; the stage is lost `killAt` tokens later. */
const promptTokens = 200
const killAt = 12

type How = 'SIGKILL' | 'SIGSTOP' | 'SIGTERM'

/** Measurements of one answer that lost a stage. */
interface Loss {
  readonly result: GenerateResult
  readonly peer: string
  readonly detectionMs: number | null
  /** Time until the repaired route's rows flow: everything but the replay. */
  readonly recoveryMs: number | null
  /** Time until the next token, the replay included. */
  readonly stallMs: number
  /** The longest time between two tokens after the signal, over the usual one. */
  readonly longestMs: number
  readonly recomputedRatio: number | null
}

/** Real processes, two for each third of the model; one of the route's is taken away in mid-answer, then replaced by a new one. */
export async function benchFailover(settings: BenchSettings): Promise<BenchReport> {
  const model = settings.model ?? 'demo'
  const recorder = createFailoverRecorder()
  const samples: Record<string, number[]> = {}
  const notes = [
    'recoveryMs: from the signal to the moment when the repaired route has what it needs and rows flow; stallMs: to the next token, rows that are computed again included',
    'hotSpareTakeoverSteps: the pause in which a kill -9 falls with --spare, in usual pauses between tokens and without one of them; hotSpareStallSteps: the longest one behind it, while the lost route is repaired on the same cores',
  ]
  settings.report('starting six processes …')
  const swarm = await startMortalSwarm(
    { model, plain: true, logger: recorder.logger },
    thirds(await blocksOf(model)).flatMap((range) => [range, range]),
  )
  let spared: Awaited<ReturnType<typeof openSparedClient>> | null = null
  try {
    const ranges = thirds(swarm.engine.manifest.manifest.config.blockCount)
    const add = (name: string, value: number | null): void => {
      if (value !== null) (samples[name] ??= []).push(round(value))
    }
    for (let turn = 0; turn < settings.rounds; turn += 1) {
      for (const [stage] of ranges.entries()) {
        const { detectionMs, recoveryMs, stallMs, recomputedRatio } = await lose(
          swarm,
          recorder,
          ranges,
          stage,
          'SIGKILL',
          settings.tokens,
        )
        add('detectionMs', detectionMs)
        add('recoveryMs', recoveryMs)
        add('stallMs', stallMs)
        add('recomputedRatio', recomputedRatio)
      }
      const hung = await lose(swarm, recorder, ranges, turn % ranges.length, 'SIGSTOP', settings.tokens)
      add('hungDetectionMs', hung.detectionMs)
      add('hungRecoveryMs', hung.recoveryMs)
      const leaving = await lose(swarm, recorder, ranges, turn % ranges.length, 'SIGTERM', settings.tokens)
      // A node that stays until its sessions have ended has not moved anything.
      if (leaving.result.route.every(({ peer }) => peer !== leaving.peer))
        add('drainStallMs', leaving.longestMs)
      for (const [stage] of ranges.entries()) {
        spared ??= await openSparedClient(swarm)
        const { takeover, longest } = await stallStepsWithSpare(swarm, spared.engine, ranges, stage)
        add('hotSpareTakeoverSteps', takeover)
        add('hotSpareStallSteps', longest)
      }
      settings.report(`round ${turn + 1} of ${settings.rounds}`)
    }
  } finally {
    await spared?.close()
    await swarm.close()
  }
  if (samples['drainStallMs'] === undefined)
    notes.push('drainStallMs: a leaving node kept its session until the answer was whole, so nothing moved')
  const spread = (name: string): Record<string, number> => {
    const values = samples[name] ?? []
    return values.length === 0
      ? {}
      : { [`${name}P50`]: round(quantile(values, 0.5)), [`${name}P99`]: round(quantile(values, 0.99)) }
  }
  return {
    name: 'failover',
    machine: describeMachine(),
    model,
    settings: {
      rounds: settings.rounds,
      tokens: settings.tokens,
      promptTokens,
      killAt,
      threadsPerProcess: 1,
      holdersPerStage: 2,
      stepDeadlineMsMin: 1000,
      suspectPingMs: 400,
    },
    samples,
    median: {
      ...medians(samples),
      ...spread('detectionMs'),
      ...spread('recoveryMs'),
      ...spread('hungRecoveryMs'),
    },
    notes,
  }
}

async function blocksOf(model: string): Promise<number> {
  const { source } = await openReference(model)
  await source.close()
  return source.config.blockCount
}

function thirds(blockCount: number): Range[] {
  const bounds = [0, 1, 2, 3].map((part) => Math.round((part * blockCount) / 3))
  return [0, 1, 2].map((part): Range => [bounds[part]!, bounds[part + 1]!])
}

async function lose(
  swarm: MortalSwarm,
  recorder: FailoverRecorder,
  ranges: readonly Range[],
  stage: number,
  how: How,
  tokens: number,
): Promise<Loss> {
  const present = await Promise.all(ranges.map((range) => swarm.staff(range, 2)))
  recorder.clear()
  const timesMs: number[] = []
  let goneMs = Number.NaN
  let gone: MortalNode | undefined
  const result = await answer(
    swarm.engine,
    { promptTokens, maxTokens: Math.max(tokens, killAt + 8), sampling: { temperature: 0 } },
    (token) => {
      timesMs.push(systemClock.nowMs())
      if (token !== killAt) return
      gone = present.flat().find(({ peerId }) => peerId === recorder.peers()[stage])
      if (gone === undefined) throw new Error('the route has a stage that this bench did not start')
      goneMs = systemClock.nowMs()
      gone.process.kill(how)
    },
  )
  if (gone === undefined) throw new Error('the answer ended before its stage was taken away')
  const gapsMs = timesMs.slice(1).map((at, index) => at - timesMs[index]!)
  const usualMs = median(gapsMs.slice(0, killAt - 1))
  if (how === 'SIGTERM') await gone.ended
  else await gone.stop('SIGKILL')
  return {
    result,
    peer: gone.peerId,
    detectionMs: recorder.firstMs('stage-lost', goneMs),
    recoveryMs: recorder.lastMs('route-repaired', goneMs),
    stallMs: timesMs[killAt]! - goneMs,
    longestMs: Math.max(...gapsMs.slice(killAt - 1)) - usualMs,
    recomputedRatio: recomputedRatio(recorder, result),
  }
}

/** Rows × blocks that were computed again, over those of asking anew. */
function recomputedRatio(recorder: FailoverRecorder, { route }: GenerateResult): number | null {
  const repaired = recorder.fields('route-repaired')
  const kept = repaired?.['kept']
  const rows = Number(repaired?.['rows'])
  if (!Array.isArray(kept) || kept.length !== route.length) return null
  const again = route.reduce(
    (sum, { start, end }, index) => sum + (rows - Number(kept[index])) * (end - start),
    0,
  )
  return again / (rows * route.at(-1)!.end)
}
