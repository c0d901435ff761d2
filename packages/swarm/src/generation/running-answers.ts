import { orAborted, ShoalError } from '@shoal/host'
import type { Engine } from '../types.ts'

/** The answers that an engine is giving: a node that leaves finishes its own, wherever their blocks are by then. */
export interface RunningAnswers {
  /** The same engine, whose answers are counted. */
  watch(engine: Engine): Engine
  /** Refuses new ones with a definite `not-ready`, and resolves when none is left; rejects with the signal's reason. */
  drain(signal: AbortSignal): Promise<void>
}

export function createRunningAnswers(): RunningAnswers {
  let running = 0
  let draining = false
  const idle = Promise.withResolvers<void>()

  const begin = (): void => {
    if (draining) throw new ShoalError('not-ready', 'this node is leaving and begins no new answers')
    running += 1
  }
  const end = (): void => {
    running -= 1
    if (draining && running === 0) idle.resolve()
  }

  return {
    watch: (engine) => ({
      ...engine,
      async *generate(request) {
        begin()
        try {
          yield* engine.generate(request)
        } finally {
          end()
        }
      },
      async forward(tokenIds, options) {
        begin()
        try {
          return await engine.forward(tokenIds, options)
        } finally {
          end()
        }
      },
    }),
    async drain(signal) {
      draining = true
      if (running === 0) idle.resolve()
      await orAborted(idle.promise, signal)
    },
  }
}
