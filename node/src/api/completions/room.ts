import { onAbort, orAborted, ShoalError } from '@shoal/host'
import type { Engine, GenerateEvent, GenerateRequest } from '@shoal/swarm'

/**
 * Lets an answer that finds no room at the stages wait until another one of this API has ended, as long as one is being
 * made. Callers that send three requests at once get three answers, and a full swarm still refuses at once.
 */
export interface Room {
  generate: Engine['generate']
}

export function createRoom(engine: () => Engine): Room {
  /** Answers that hold room, or try to get it. */
  let trying = 0
  const waiting = new Set<() => void>()
  const nextEnd = (signal: AbortSignal | undefined): Promise<void> => {
    let wake = (): void => undefined
    const woken = new Promise<void>((resolve) => {
      wake = resolve
      waiting.add(resolve)
    })
    const forget = onAbort(signal, wake)
    return orAborted(woken, signal).finally(() => {
      forget()
      waiting.delete(wake)
    })
  }
  return {
    async *generate(request: GenerateRequest): AsyncGenerator<GenerateEvent> {
      for (;;) {
        let begun = false
        let waits = false
        trying += 1
        try {
          for await (const event of engine().generate(request)) {
            begun = true
            yield event
          }
          return
        } catch (error) {
          // No other answer of this API is trying, so none could make room by ending.
          if (begun || trying === 1 || !isNoCapacity(error)) throw error
          waits = true
        } finally {
          trying -= 1
          // An answer that was refused frees no room; if it woke the others, they would wake each other again and again.
          if (!waits) for (const wake of waiting) wake()
        }
        await nextEnd(request.signal)
      }
    },
  }
}

const isNoCapacity = (error: unknown): boolean => error instanceof ShoalError && error.code === 'no-capacity'
