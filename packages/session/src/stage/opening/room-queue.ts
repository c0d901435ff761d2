import { onAbort, reasonOf, ShoalError, type Clock } from '@shoal/host'
import { sessionLimits } from '../../route/limits.ts'
import { createWaitingLine, type WaitingLine } from './waiting-line.ts'

/** Why a session has no room at a stage. */
export interface Shortage {
  /** A sentence for the coordinator. */
  readonly message: string
  /** Whether sessions that are open now will free enough when they end. */
  readonly passing: boolean
}

/** A session that needs memory at this node. */
export interface RoomRequest {
  /** Whose share is asked for; requests of different owners take turns. */
  readonly owner: string
  /** How long the request may wait; null when it is refused at once instead. */
  readonly waitMs: number | null
  /** A running answer that needs a stage must not wait behind answers that have not begun. */
  readonly overtakes: boolean
  /** Aborted when the session is closed, or its owner's lease ends. */
  readonly signal: AbortSignal
  /** Takes the memory. @returns null, or what was missing; nothing stays reserved then */
  reserve(): Promise<Shortage | null>
}

/** Hands out a node's memory to the sessions that ask for it: first come, first served, and in turns among owners. */
export interface RoomQueue {
  /** Requests that wait. */
  readonly size: number
  /**
   * Resolves when the memory is reserved.
   * @throws {ShoalError} `no-capacity`, definite unless the room will come; the signal's reason; what `reserve` throws
   */
  take(request: RoomRequest): Promise<void>
  /** Looks at the waiting requests again, because memory has become free or is offered no longer. */
  changed(): void
}

/** A request in the queue. */
interface Waiting {
  readonly owner: string
  readonly request: RoomRequest
  readonly served: PromiseWithResolvers<void>
  /** Cancels the request's timer and its abort listener when it leaves the queue. */
  settle(): void
  shortage: Shortage
}

export function createRoomQueue(clock: Pick<Clock, 'after'>): RoomQueue {
  const line = createWaitingLine<Waiting>()
  const rounds = createRounds(() => serveFirst(line))

  const leave = (waiting: Waiting, reason: unknown): void => {
    if (!line.remove(waiting)) return
    waiting.settle()
    waiting.served.reject(reason)
    // Requests behind the one that left may fit where it did not.
    rounds.request()
  }

  const enqueue = (request: RoomRequest, waitMs: number, shortage: Shortage): Waiting => {
    const { owner, signal } = request
    const timer = clock.after(waitMs, () =>
      leave(waiting, refusal(`no room within ${waitMs / 1000} s: ${waiting.shortage.message}`, true)),
    )
    const waiting: Waiting = {
      owner,
      request,
      served: Promise.withResolvers(),
      settle() {
        timer.cancel()
        stopListening()
      },
      shortage,
    }
    line.add(waiting)
    let stopListening = (): void => undefined
    stopListening = onAbort(signal, () => leave(waiting, reasonOf(signal)))
    return waiting
  }

  return {
    get size() {
      return line.size
    },
    async take(request) {
      const { owner, waitMs, overtakes } = request
      let shortage: Shortage | null = { message: `${line.size} sessions wait for room here`, passing: true }
      if (line.size === 0 || overtakes) shortage = await request.reserve()
      if (shortage === null) return
      if (waitMs === null || !shortage.passing) throw refusal(shortage.message, shortage.passing)
      if (
        line.size >= sessionLimits.maxWaitingOpens ||
        line.sizeOf(owner) >= sessionLimits.maxWaitingOpensPerPeer
      )
        throw refusal(`${line.size} sessions wait for room here already`, true)
      const waiting = enqueue(request, waitMs, shortage)
      // Room may have come while the runner was asked.
      rounds.request()
      await waiting.served.promise
    },
    changed: () => rounds.request(),
  }
}

/**
 * Asks for the memory of the first request in the line.
 * @returns whether the line has moved. A request that does not fit yet holds up those behind it: small requests that
 *   overtook a large one would starve it.
 */
async function serveFirst(line: WaitingLine<Waiting>): Promise<boolean> {
  const { first } = line
  if (first === undefined) return false
  const fail = (reason: unknown): void => {
    if (!line.remove(first)) return
    first.settle()
    first.served.reject(reason)
  }
  try {
    const shortage = await first.request.reserve()
    if (shortage === null) {
      if (!line.serve(first)) return true
      first.settle()
      first.served.resolve()
    } else if (shortage.passing) {
      first.shortage = shortage
      return false
    } else fail(refusal(shortage.message, false))
  } catch (error) {
    fail(error)
  }
  return true
}

/** Runs `step` until it returns false, one round at a time; a round requested meanwhile follows. */
function createRounds(step: () => Promise<boolean>): { request(): void } {
  let running = false
  let again = false
  const run = async (): Promise<void> => {
    running = true
    do {
      again = false
      while (await step());
    } while (again)
    running = false
  }
  return {
    request() {
      if (running) again = true
      // `step` handles the failures of what it calls.
      else run().catch(() => undefined)
    },
  }
}

function refusal(message: string, passing: boolean): ShoalError {
  return new ShoalError('no-capacity', message, { definite: !passing })
}
