import { createSerialQueue, type SerialQueue } from '@shoal/host'
import type { BlockRunner } from '@shoal/runtime'
import { ComputeTurns } from './turns/compute-turns.ts'
import type { SessionQueues } from './steps/stage-session.ts'
import { StepQueue } from './steps/step-queue.ts'

/** What waits at one runner. */
export interface RunnerQueues extends SessionQueues {
  /**
   * Reserves memory for one session at a time. Of two reservations at once each would count the other, and both might be
   * refused.
   */
  readonly reservations: SerialQueue
}

/** @returns a function that gives a runner's queues, which live as long as the runner */
export function createRunnerQueues(): (runner: BlockRunner) => RunnerQueues {
  const queues = new WeakMap<BlockRunner, RunnerQueues>()
  return (runner) => {
    const known = queues.get(runner)
    if (known !== undefined) return known
    // The ranks of a group compute one session's rows at a time.
    const turns = new ComputeTurns((runner.ranks ?? 1) === 1)
    const created = { reservations: createSerialQueue(), steps: new StepQueue(), turns }
    queues.set(runner, created)
    return created
  }
}
