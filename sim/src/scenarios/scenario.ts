import type { RunnerName, TinyModelName } from '../simulator/tiny-model.ts'
import type { World } from '../simulator/world.ts'

/** A script that is played on a world, with the rules that it checks. */
export interface Scenario {
  readonly name: string
  readonly about: string
  /** Name of a topology; with `any` the seed chooses one. */
  readonly topology: string
  /** Default: `tiny`. */
  readonly model?: TinyModelName
  /** Default: `reference`. */
  readonly runner?: RunnerName
  /** Default of `--nodes`. */
  readonly nodes: number
  /** Fewest nodes with which the scenario works. */
  readonly nodesMin: number
  /** Plays the script; afterwards the swarm must become calm. Violations go to `world.rules`. */
  play(world: World): Promise<void>
}
