import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import type { Random } from './random.ts'

/** What nearly everything above this package takes of the system. */
export interface SystemDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}
