/**
 * Time, randomness, log and errors, as interfaces that all packages above take as arguments.
 *
 * The system's own clock, randomness, files and log are in `@shoal/host/node`, which only programs (`node`, `client`,
 * `sim`) and tests import.
 *
 * @example
 * const clock = createVirtualClock()
 * clock.after(10, () => console.log('ten milliseconds later'))
 * clock.advance(10)
 */
export { onAbort, orAborted, reasonOf, throwIfAborted, untilAborted } from './abort.ts'
export {
  every,
  sleep,
  timeLimit,
  type Clock,
  type TimeLimit,
  type Timer,
  type TimerOptions,
} from './clock.ts'
export { atEndOfTurn } from './node/end-of-turn.ts'
export { asShoalError, asFailure, messageOf, ShoalError, type Failure } from './errors.ts'
export {
  failureCodes,
  isErrorCode,
  isMovable,
  isUnanswered,
  type ErrorCode,
  type FailureFacts,
  type Phase,
} from './failure-codes.ts'
export { freeMemory } from './free-memory.ts'
export { logLevels, silentLogger, type Logger, type LogFields, type LogLevel } from './logger.ts'
export { printable, printableLines, quoted } from './printable.ts'
export { randomHex, seededRandom, type Random } from './random.ts'
export {
  createMemoryBudget,
  unlimitedMemory,
  type MemoryBudget,
  type MemoryCharge,
  type MemoryUse,
} from './memory-budget.ts'
export { createSerialQueue, type SerialQueue } from './serial-queue.ts'
export type { SystemDependencies } from './system-dependencies.ts'
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts'
