import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import type { Random } from './random.ts'

/** The parts of the system that nearly every component needs. */
export interface SystemDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}
