import { form } from '../simulator/calm.ts'
import type { FaultKind } from '../simulator/fault-book.ts'
import { makeRequest } from '../simulator/requests.ts'
import { topologies } from '../simulator/topologies.ts'
import type { World } from '../simulator/world.ts'
import { createFaults } from './chaos-faults.ts'
import type { Scenario } from './scenario.ts'

/** How long faults strike. */
const chaosMs = 6_000
/** The first faults wait until answers are under way. */
const quietMs = 200
const clients = ['c0', 'c1']

/** Kinds of faults with their weights: mostly those that interrupt answers, and restarts that bring peers back. */
const kinds: readonly (readonly [FaultKind, number])[] = [
  ['kill', 26],
  ['restart', 24],
  ['hang', 14],
  ['partition', 10],
  ['slow', 12],
  ['corrupt', 8],
  ['leave', 6],
]

async function play(world: World): Promise<void> {
  const { loop, random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  await form(world, clients)
  const faults = createFaults(world)
  const ask = async (): Promise<void> => {
    for (const client of clients) {
      const busy = world.generations.some(
        (generation) => generation.client === client && generation.state === 'running',
      )
      if (busy || random.unit() < 0.3) continue
      // One prompt in ten needs more than one chunk.
      const promptTokens =
        random.unit() < 0.1 ? 130 + Math.floor(random.unit() * 40) : 1 + Math.floor(random.unit() * 24)
      await world.ask(
        client,
        makeRequest(random, promptTokens, 8 + Math.floor(random.unit() * 32), vocabularySize),
      )
    }
  }
  await ask()
  await loop.run(quietMs)
  const endMs = loop.clock.nowMs() + chaosMs
  // The first fault is always a kill.
  for (let kind: FaultKind = 'kill'; loop.clock.nowMs() < endMs; kind = nextKind(random.unit())) {
    await ask()
    await faults.mend()
    await faults.strike(kind)
    await loop.run(20 + random.unit() * 600)
  }
  await faults.mendAll()
}

export function nextKind(roll: number): FaultKind {
  const total = kinds.reduce((sum, [, weight]) => sum + weight, 0)
  let left = roll * total
  for (const [kind, weight] of kinds) {
    left -= weight
    if (left < 0) return kind
  }
  return 'kill'
}

/** Chaos on the topology that the seed chooses, and on each topology by name. */
export const chaosScenarios: readonly Scenario[] = [
  {
    name: 'chaos',
    about: 'random faults over two clients that never stop asking; the seed chooses the topology',
    topology: 'any',
    nodes: 8,
    nodesMin: 6,
    play,
  },
  ...topologies.map(({ name }) => ({
    name: `chaos-${name}`,
    about: `the same on ${name}`,
    topology: name,
    nodes: 8,
    nodesMin: 6,
    play,
  })),
]
