import type { RunnerName, TinyModelName } from '../simulator/tiny-model.ts'
import type { World } from '../simulator/world.ts'

/** A story that is played on a world, and what must hold in it. */
export interface Scenario {
  readonly name: string
  readonly about: string
  /** Name of a topology; `any`: the seed chooses one. */
  readonly topology: string
  /** `tiny` unless said otherwise. */
  readonly model?: TinyModelName
  /** `reference` unless said otherwise. */
  readonly runner?: RunnerName
  /** Unless asked otherwise. */
  readonly nodes: number
  /** Fewer cannot play it. */
  readonly nodesMin: number
  /** Everything that is done; afterwards all must become calm. Findings go to `world.rules`. */
  play(world: World): Promise<void>
}
