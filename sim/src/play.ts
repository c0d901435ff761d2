import { scenarios } from './scenarios/index.ts'
import { becomeCalm } from './simulator/calm.ts'
import { outcomeOf, type Outcome } from './simulator/outcome.ts'
import type { RunnerName } from './simulator/tiny-model.ts'
import { groupTopologies, tightTopologies, topologies, wideTopologies } from './simulator/topologies.ts'
import { createWorld } from './simulator/world.ts'

export interface PlayOptions {
  readonly seed: number
  readonly nodes?: number | undefined
  /** Runner to use in place of the scenario's. */
  readonly runner?: RunnerName | undefined
  /** Receives each entry of the trace. */
  readonly listener?: (line: string) => void
}

/**
 * Plays a scenario in virtual time, and waits until the swarm is calm again.
 * @throws {RangeError} for an unknown scenario, too few nodes, or a runner that cannot run the model
 */
export async function playScenario(name: string, options: PlayOptions): Promise<Outcome> {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new RangeError(`there is no scenario ${name}: shoal sim list names them`)
  const topology =
    scenario.topology === 'any'
      ? topologies[options.seed % topologies.length]
      : [...topologies, ...groupTopologies, ...tightTopologies, ...wideTopologies].find(
          (candidate) => candidate.name === scenario.topology,
        )
  if (topology === undefined) throw new Error(`scenario ${name} names no topology: ${scenario.topology}`)
  const { seed, nodes = scenario.nodes, listener } = options
  const model = scenario.model ?? 'tiny'
  const runner = options.runner ?? scenario.runner ?? 'reference'
  if (nodes < scenario.nodesMin) throw new RangeError(`${name} needs at least ${scenario.nodesMin} nodes`)
  if (model === 'large' && runner !== 'cost')
    throw new RangeError(
      `the model of ${name} runs with the cost runner only: leave --runner out or use --runner cost`,
    )
  const world = await createWorld({
    seed,
    topology,
    nodes,
    model,
    runner,
    ...(listener === undefined ? {} : { listener }),
  })
  await scenario.play(world)
  await becomeCalm(world)
  return outcomeOf(name, world, nodes, options.runner)
}
