import { systemClock } from '@shoal/host/node'
import { plan, usersOf } from '@shoal/planner'
import { bruteForce, createCluster, planBySearch, planExactly } from '@shoal/planner/testing'
import { describeMachine } from './machine.ts'
import { baselines } from './planner-baselines.ts'
import { randomCluster } from './planner-clusters.ts'
import { viewOf, type ClusterView, type Cut } from './planner-view.ts'
import { measurePrediction, predictedShapes } from './prediction.ts'
import { median, quantile, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

const clusters = 600
const objectives = ['latency', 'balanced', 'throughput'] as const
const largeModels = [
  { blockCount: 32, blocksHeldMax: 8 },
  { blockCount: 80, blocksHeldMax: 20 },
  { blockCount: 80, blocksHeldMax: 3 },
  { blockCount: 80, blocksHeldMax: 2 },
] as const

/** Time per token of one user, summed up independently of the planner's own figures. */
export function tokenMicros({ candidates, hops, stageMicros }: ClusterView, { order, blocks }: Cut): number {
  const stages = order.reduce(
    (sum, index, at) => sum + (blocks[at] ?? 0) * (candidates[index]?.blockMicros ?? 0) + stageMicros,
    0,
  )
  const ways =
    order.length < 2
      ? 0
      : order.reduce((sum, from, at) => sum + (hops[from]?.[order[(at + 1) % order.length] ?? from] ?? 0), 0)
  return stages + ways
}

/** Plans against brute force and against other systems' rules on small clusters, and times on large ones. */
export async function benchPlanner(settings: BenchSettings): Promise<BenchReport> {
  const { regrets, feasible, solvable } = compare(settings.report)
  const { samples, slowest } = timePlans(settings)
  const prediction = await measurePrediction(settings)
  const figures: Record<string, number> = {
    predictionError: prediction.predictionError,
    ...slowest,
    solvableClusters: solvable,
  }
  for (const [name, values] of Object.entries(prediction.samples)) figures[name] = round(median(values))
  for (const [name, values] of Object.entries(regrets)) {
    figures[`regret${name}`] = round(quantile(values, 0.5))
    figures[`regret${name}P90`] = round(quantile(values, 0.9))
    figures[`regret${name}Max`] = round(Math.max(...values))
    figures[`feasible${name}`] = feasible[name] ?? 0
  }
  return {
    name: 'planner',
    machine: describeMachine(),
    model:
      settings.model ??
      'random, Llama shape, 12 blocks of 1,024 columns (predictionError); none (all others)',
    settings: {
      clusters,
      nodesMax: 7,
      blocksMax: 8,
      rounds: settings.rounds,
      tokens: settings.tokens,
      largeModels,
      predictedShapes,
    },
    samples: { ...samples, ...prediction.samples },
    median: figures,
    notes: [
      'regret: TPOT over that of brute force, less one, on clusters that can hold the model; a rule counts only where its cut fits in memory (feasible…)',
      'other systems cut without regard to links, and leave nobody out; their orders are those of the list, Petals finds its way by time',
      'planMs: the median over rounds of the slowest case of all objectives and models; each round has other clusters',
      'predictionError: time per token as the route promised it against the median as it came, over three processes with shaped links (shoal swarm --shape): the median over rounds, the largest of the shapes',
    ],
  }
}

function compare(report: (line: string) => void): {
  regrets: Record<string, number[]>
  feasible: Record<string, number>
  solvable: number
} {
  const regrets: Record<string, number[]> = {}
  const feasible: Record<string, number> = {}
  let solvable = 0
  for (let seed = 1; solvable < clusters; seed += 1) {
    const blockCount = 2 + (seed % 7)
    const { snapshot, costs } = randomCluster(seed, 2 + ((seed * 5) % 6), blockCount, 6)
    const cluster = createCluster({ ...snapshot, costs, contextTokens: costs.contextLength }, usersOf.latency)
    const best = bruteForce(cluster)
    if (best === null) continue
    solvable += 1
    const view = viewOf(cluster)
    const cuts: Record<string, Cut | undefined> = {
      Exact: planExactly(
        cluster,
        cluster.candidates.map((_, index) => index),
      ),
      Search: planBySearch(cluster),
    }
    for (const [name, rule] of Object.entries(baselines))
      cuts[`${name.charAt(0).toUpperCase()}${name.slice(1)}`] = rule(view, blockCount)
    for (const [name, cut] of Object.entries(cuts)) {
      feasible[name] ??= 0
      regrets[name] ??= []
      if (cut === undefined) continue
      feasible[name] += 1
      regrets[name].push(tokenMicros(view, cut) / best - 1)
    }
    if (solvable % 100 === 0) report(`${solvable} of ${clusters} clusters`)
  }
  return { regrets, feasible, solvable }
}

/** Times by case; each figure is the median of the case that takes longest. */
function timePlans(settings: BenchSettings): {
  samples: Record<string, number[]>
  slowest: Record<string, number>
} {
  const samples: Record<string, number[]> = {}
  const slowest: Record<string, number> = {}
  for (const peers of [200, 1000]) {
    const figure = `planMs${peers}Peers`
    // The first turn compiles the code.
    for (let turn = 0; turn <= settings.rounds; turn += 1) {
      for (const { blockCount, blocksHeldMax } of largeModels) {
        const { snapshot, costs } = randomCluster(peers + turn, peers, blockCount, blocksHeldMax)
        for (const objective of objectives) {
          const startMs = systemClock.nowMs()
          plan({ ...snapshot, costs }, { objective })
          if (turn > 0)
            (samples[`${figure} ${blockCount} blocks, up to ${blocksHeldMax} held, ${objective}`] ??=
              []).push(round(systemClock.nowMs() - startMs))
        }
      }
    }
    slowest[figure] = Math.max(
      ...Object.entries(samples)
        .filter(([name]) => name.startsWith(figure))
        .map(([, values]) => median(values)),
    )
    settings.report(`${peers} peers: ${slowest[figure]} ms`)
  }
  return { samples, slowest }
}
