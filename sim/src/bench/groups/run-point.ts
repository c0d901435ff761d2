import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, sleep } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { splitBlocks } from '@shoal/model'
import {
  planGroups,
  predictGroups,
  type GroupedPipeline,
  type GroupOptions,
  type ModelCosts,
} from '@shoal/planner'
import { stageMicros } from '@shoal/planner/testing'
import { connectClient } from '@shoal/swarm/node'
import type { Engine, SwarmPeer } from '@shoal/swarm'
import { startSwarm, type SwarmProcess } from '../swarm-process.ts'
import { timeTokens, type TimedTokens } from '../time-tokens.ts'
import { groupShape, singleShape, type Point, type PointShape } from './points.ts'
import { askedHopsMs, ringHopsMs, snapshotOf } from './predictions.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** More steps than a node needs before it speaks of its speed: the first ones run cold code. */
const warmUpTokens = 32
/** Time until beats report that a device is busy, so that the next answer takes another route. */
const busyMs = 2500
/** Of an answer that is asked whether its route promises what came. */
const askedTokens = 16
/** Nodes say their speed anew after pauses that grow, when it is off by 15 %. */
const saidTurns = 6
const saidWithin = 0.2
/** Links are measured by then: beats give round trips, weights and probes rates. */
const measuredMs = 60_000
/** Time until records carry new measurements. */
const saidMs = 7000
/** Pause before planning: beats that still report the previous generation would count as load. */
const restMs = 1000

export interface PointFigures {
  /** Stages of the plan by the number of their ranks, such as `2 → 2`. */
  readonly choice: string
  readonly choosesGroup: boolean
  readonly predictedGroupMs: number
  /** One figure for each round. */
  readonly predictedSingleMs: readonly number[]
  readonly measuredGroupMs: readonly number[]
  readonly measuredSingleMs: readonly number[]
}

export interface PointSettings {
  readonly model: string
  readonly costs: ModelCosts
  readonly rounds: number
  readonly tokens: number
  readonly report: (line: string) => void
}

/**
 * Starts a point's devices by themselves, asks the planner by their records, starts them as groups beside, and times both
 * in turns.
 */
export async function runPoint(
  point: Point,
  { model, costs, rounds, tokens, report }: PointSettings,
): Promise<PointFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-groups-'))
  const open: { close(): Promise<void> }[] = []
  const start = async (kind: string, shape: PointShape): Promise<Started> => {
    const path = join(folder, `${kind}.json`)
    await writeFile(path, JSON.stringify(shape))
    const swarm = await startSwarm(['--model', model, '--shape', path, '--threads', '1'])
    open.push(swarm)
    const client = await connectClient(dependencies, {
      join: swarm.addresses,
      dataFolder: join(folder, kind),
      threads: 1,
    })
    open.push(client)
    await client.whenCovered(AbortSignal.timeout(120_000))
    return { swarm, client, engine: await client.engine() }
  }
  try {
    report(`${point.name}: starting devices by themselves …`)
    const single = await start('single', singleShape(point, costs))
    await warmUp(single.engine, point.holders === 1 ? point.groups.flat().length : 1)
    await linksMeasured(single)
    const asked = await recordsSaid(single.engine)
    const planned = planOf(point, single, costs, asked)
    report(
      `${point.name}: the planner takes ${planned.choice}; starting ${planned.group.stages.map(({ peers, blocks }) => `${peers.join(' + ')} for ${blocks} blocks`).join(', ')} …`,
    )
    const group = await start('group', groupShape(point, costs, planned.group, planned.speedOf))
    await timeTokens(group.engine, warmUpTokens)
    const figures = {
      predictedSingleMs: [] as number[],
      measuredSingleMs: [] as number[],
      measuredGroupMs: [] as number[],
    }
    for (let round = 0; round < rounds; round += 1) {
      await sleep(systemClock, restMs)
      const alone = await timeTokens(single.engine, tokens)
      const together = await timeTokens(group.engine, tokens)
      figures.predictedSingleMs.push(alone.predictedMs)
      figures.measuredSingleMs.push(alone.measuredMs)
      figures.measuredGroupMs.push(together.measuredMs)
      report(
        `${point.name}: ${alone.measuredMs.toFixed(1)} ms over ${alone.route.length} devices by themselves (${alone.predictedMs.toFixed(1)} predicted), ${together.measuredMs.toFixed(1)} over groups of ${together.route.map(({ ranks }) => ranks).join(' → ')} (${planned.predictedGroupMs.toFixed(1)} predicted)`,
      )
    }
    return {
      ...figures,
      choice: planned.choice,
      choosesGroup: planned.choosesGroup,
      predictedGroupMs: planned.predictedGroupMs,
    }
  } finally {
    for (const one of open.reverse()) await one.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Gives every device real steps to measure: where one device holds all blocks, as many concurrent answers as devices. */
async function warmUp(engine: Engine, answers: number): Promise<void> {
  const running: Promise<unknown>[] = []
  for (let answer = answers; answer > 0; answer -= 1) {
    running.push(timeTokens(engine, answer * warmUpTokens))
    if (answer > 1) await sleep(systemClock, busyMs)
  }
  await Promise.all(running)
}

/** Waits until records say how fast real steps are: the first ones were written before there were any. */
async function recordsSaid(engine: Engine): Promise<TimedTokens> {
  for (let turn = 1; ; turn += 1) {
    await sleep(systemClock, saidMs)
    const asked = await timeTokens(engine, askedTokens)
    if (turn >= saidTurns || Math.abs(asked.predictedMs / asked.measuredMs - 1) < saidWithin) return asked
  }
}

interface Started {
  readonly swarm: SwarmProcess
  readonly client: SwarmPeer
  readonly engine: Engine
}

interface Planned {
  readonly choice: string
  readonly choosesGroup: boolean
  /** The point's groups, with as many blocks each as the planner gives them. */
  readonly group: GroupedPipeline
  readonly predictedGroupMs: number
  readonly speedOf: (device: string) => number
}

/** The planner's predictions from the running devices' records. */
function planOf(point: Point, { swarm, client }: Started, costs: ModelCosts, asked: TimedTokens): Planned {
  const names = new Map(swarm.nodes.map(({ name, peerId }) => [peerId, name]))
  const nameOf = (peer: string): string => names.get(peer) ?? peer
  const { peers } = client.status()
  const snapshot = snapshotOf(
    peers.filter(({ peer }) => names.has(peer)),
    nameOf,
  )
  const { config, profile } = client.manifest.manifest
  const options: GroupOptions = {
    canSplit(speeds) {
      try {
        splitBlocks(config, profile, speeds)
        return true
      } catch {
        return false
      }
    },
  }
  const { grouped } = planGroups({ ...snapshot, costs }, options)
  const group = predictGroups({ ...snapshot, costs }, point.groups, options)
  if (grouped === null || group === null)
    throw new Error(`${point.name}: these devices cannot hold the model`)
  const microsOf = (device: string): number =>
    snapshot.members.find(({ peerId }) => peerId === device)?.hardware.decodeMicrosPerBlock ?? 1
  const rttMsOf = (device: string): number => peers.find(({ peer }) => nameOf(peer) === device)?.rttMs ?? 0
  // What whoever asks does with each token is in what a route promises, and in nothing else that is known here.
  const computeMs = asked.route.reduce(
    (sum, { peer, start, end }) => sum + ((end - start) * microsOf(nameOf(peer)) + stageMicros) / 1000,
    0,
  )
  const ownMs =
    asked.predictedMs -
    computeMs -
    askedHopsMs(
      snapshot,
      costs,
      asked.route.map(({ peer }) => nameOf(peer)),
      rttMsOf,
    )
  const leaders = group.stages.map(({ peers: [leader = ''] }) => leader)
  return {
    choice: grouped.stages.map(({ peers: { length } }) => length).join(' → '),
    choosesGroup: grouped.stages.some(({ peers: { length } }) => length > 1),
    group,
    predictedGroupMs:
      group.tpotMicros / 1000 -
      ringHopsMs(snapshot, costs, group) +
      askedHopsMs(snapshot, costs, leaders, rttMsOf) +
      ownMs,
    speedOf: (device) => 1 / microsOf(device),
  }
}

/** Until every device has said how far and how fast each other one is; what is not known by then the planner guesses. */
async function linksMeasured({ swarm, client }: Started): Promise<void> {
  const devices = swarm.nodes.map(({ peerId }) => peerId)
  const untilMs = systemClock.nowMs() + measuredMs
  for (;;) {
    const { peers } = client.status()
    const linkOf = (
      from: string,
      to: string,
    ): { readonly rttMs: number | null; readonly mbps: number | null } | undefined =>
      peers.find(({ peer }) => peer === from)?.links[to]
    const pairs = devices.flatMap((a, index) =>
      devices.slice(index + 1).map((b) => [linkOf(a, b), linkOf(b, a)]),
    )
    const known = pairs.every(
      (ways) =>
        ways.some((link) => (link?.rttMs ?? null) !== null) &&
        ways.some((link) => (link?.mbps ?? null) !== null),
    )
    if (known || systemClock.nowMs() > untilMs) return
    await sleep(systemClock, 500)
  }
}
