import { scenarios } from './scenarios/index.ts'
import { becomeCalm } from './simulator/calm.ts'
import { outcomeOf, type Outcome } from './simulator/outcome.ts'
import { topologies } from './simulator/topologies.ts'
import { createWorld } from './simulator/world.ts'

export interface PlayOptions {
  readonly seed: number
  readonly nodes?: number | undefined
  /** Hears each entry of the trace. */
  readonly listener?: (line: string) => void
}

/**
 * Plays a scenario, in virtual time.
 * @throws {RangeError} for a name that none has, or too few nodes
 */
export async function playScenario(name: string, options: PlayOptions): Promise<Outcome> {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new RangeError(`there is no scenario ${name}: shoal sim list names them`)
  const topology = scenario.topology === 'any' ? topologies[options.seed % topologies.length] : topologies.find((candidate) => candidate.name === scenario.topology)
  if (topology === undefined) throw new Error(`scenario ${name} names no topology: ${scenario.topology}`)
  const { seed, nodes = scenario.nodes, listener } = options
  if (nodes < scenario.nodesMin) throw new RangeError(`${name} needs at least ${scenario.nodesMin} nodes`)
  const world = await createWorld({ seed, topology, nodes, model: scenario.model ?? 'tiny', ...(listener === undefined ? {} : { listener }) })
  await scenario.play(world)
  await becomeCalm(world)
  return outcomeOf(name, world, nodes)
}
