import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, sleep } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { connectClient } from '@shoal/swarm/node'
import type { SwarmPeer } from '@shoal/swarm'
import { smallBenchModel } from './model.ts'
import { median, round } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { startSwarm } from './swarm-process.ts'
import { timeTokens } from './time-tokens.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** Where a token's time is mostly links, and compute is not nothing: on few cores no processes compute at once then. */
export const predictedShapes = ['two-sites', 'home-wifi', 'one-strong-many-weak'] as const

const processes = 3
/** More steps than a node's speed is the median of: the first ones run cold code. */
const warmUpTokens = 80
/** Until records say what was measured meanwhile: a second word comes six seconds after a first one. */
const saidMs = 8000
/** Pause before planning: beats that still report the previous generation would count as load. */
const restMs = 1500

export interface PredictionFigures {
  /** By metric and shape. */
  readonly samples: Readonly<Record<string, readonly number[]>>
  /** Largest over the shapes of the median error. */
  readonly predictionError: number
}

/** Time per token as the route promises it and as it comes, over real processes with shaped links. */
export async function measurePrediction(settings: BenchSettings): Promise<PredictionFigures> {
  const model = await smallBenchModel(settings.model, settings.dataFolder, settings.report)
  const samples: Record<string, number[]> = {}
  const errors: number[] = []
  for (const shape of predictedShapes) {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-prediction-'))
    const swarm = await startSwarm([
      '--model',
      model,
      '--shape',
      shape,
      '--processes',
      String(processes),
      '--threads',
      '1',
    ])
    let client: SwarmPeer | null = null
    try {
      client = await connectClient(dependencies, { join: swarm.addresses, dataFolder: folder, threads: 1 })
      await client.whenCovered(AbortSignal.timeout(60_000))
      const engine = await client.engine()
      await timeTokens(engine, warmUpTokens)
      await sleep(systemClock, saidMs)
      for (let turn = 0; turn < settings.rounds; turn += 1) {
        await sleep(systemClock, restMs)
        const { predictedMs, measuredMs, route } = await timeTokens(engine, settings.tokens)
        const error = Math.abs(predictedMs / measuredMs - 1)
        ;(samples[`predictedTpotMs${named(shape)}`] ??= []).push(round(predictedMs))
        ;(samples[`measuredTpotMs${named(shape)}`] ??= []).push(round(measuredMs))
        ;(samples[`predictionError${named(shape)}`] ??= []).push(round(error))
        settings.report(
          `${shape}: ${predictedMs.toFixed(1)} ms predicted, ${measuredMs.toFixed(1)} ms measured over ${route.length} stages`,
        )
      }
      errors.push(median(samples[`predictionError${named(shape)}`] ?? []))
    } finally {
      await client?.close()
      await swarm.close()
      await rm(folder, { recursive: true, force: true })
    }
  }
  return { samples, predictionError: round(Math.max(...errors)) }
}

/** `two-sites` as part of a metric's name. */
export const named = (shape: string): string =>
  shape
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
