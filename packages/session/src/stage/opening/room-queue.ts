import { ShoalError, type Clock, type Timer } from '@shoal/host'
import { sessionLimits } from '../../route/limits.ts'

/** Why a session has no room at a stage. */
export interface Shortage {
  /** A sentence for the coordinator. */
  readonly message: string
  /** Whether sessions that are open now will free enough when they end. */
  readonly passing: boolean
}

/** A session that needs memory at this node. */
export interface RoomRequest {
  /** The coordinator; requests of different owners take turns. */
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
  /** Memory has become free, or is offered no longer: looks at the requests that wait. */
  changed(): void
}

interface Waiting {
  readonly request: RoomRequest
  readonly served: PromiseWithResolvers<void>
  readonly timer: Timer
  shortage: Shortage
}

export function createRoomQueue(clock: Pick<Clock, 'after'>): RoomQueue {
  /** By owner, in the order in which owners are served; each owner's own requests in the order of their arrival. */
  const owners = new Map<string, Waiting[]>()
  let serving = false
  let again = false

  const size = (): number => [...owners.values()].reduce((sum, list) => sum + list.length, 0)

  const enqueue = (request: RoomRequest, waitMs: number, shortage: Shortage): Waiting => {
    const { owner, signal } = request
    const waiting: Waiting = {
      request,
      served: Promise.withResolvers(),
      timer: clock.after(waitMs, () =>
        leave(waiting, refusal(`no room within ${waitMs / 1000} s: ${waiting.shortage.message}`, true)),
      ),
      shortage,
    }
    owners.set(owner, [...(owners.get(owner) ?? []), waiting])
    const onAbort = (): void => leave(waiting, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    return waiting
  }

  /** @returns whether it was still waiting */
  const remove = (waiting: Waiting): boolean => {
    const { owner } = waiting.request
    const list = owners.get(owner)
    if (list?.includes(waiting) !== true) return false
    waiting.timer.cancel()
    const rest = list.filter((other) => other !== waiting)
    if (rest.length === 0) owners.delete(owner)
    else owners.set(owner, rest)
    return true
  }

  const leave = (waiting: Waiting, reason: unknown): void => {
    if (!remove(waiting)) return
    waiting.served.reject(reason)
    // Those behind it may fit where it did not.
    changed()
  }

  /** The owner whose turn it is; the request that was served sends its owner to the end. */
  const admitted = (waiting: Waiting): void => {
    if (!remove(waiting)) return
    const { owner } = waiting.request
    const rest = owners.get(owner)
    owners.delete(owner)
    if (rest !== undefined) owners.set(owner, rest)
    waiting.served.resolve()
  }

  /** @returns whether the next request may be looked at: one that does not fit yet holds up those behind it, or it would starve. */
  const serveOne = async (waiting: Waiting): Promise<boolean> => {
    try {
      const shortage = await waiting.request.reserve()
      if (shortage === null) {
        admitted(waiting)
        return true
      }
      waiting.shortage = shortage
      if (shortage.passing) return false
      if (remove(waiting)) waiting.served.reject(refusal(shortage.message, false))
    } catch (error) {
      if (remove(waiting)) waiting.served.reject(error)
    }
    return true
  }

  const serve = async (): Promise<void> => {
    serving = true
    do {
      again = false
      for (;;) {
        const [waiting] = [...owners.values()][0] ?? []
        if (waiting === undefined || !(await serveOne(waiting))) break
      }
    } while (again)
    serving = false
  }

  const changed = (): void => {
    if (serving) again = true
    else if (owners.size > 0) serve().catch(() => undefined)
  }

  return {
    get size() {
      return size()
    },
    async take(request) {
      const { owner, waitMs, overtakes } = request
      let shortage: Shortage | null = { message: `${size()} sessions wait for room here`, passing: true }
      if (owners.size === 0 || overtakes) shortage = await request.reserve()
      if (shortage === null) return
      if (waitMs === null || !shortage.passing) throw refusal(shortage.message, shortage.passing)
      if (
        size() >= sessionLimits.maxWaitingOpens ||
        (owners.get(owner)?.length ?? 0) >= sessionLimits.maxWaitingOpensPerPeer
      )
        throw refusal(`${size()} sessions wait for room here already`, true)
      const waiting = enqueue(request, waitMs, shortage)
      // Room may have come while it was asked for.
      changed()
      await waiting.served.promise
    },
    changed,
  }
}

function refusal(message: string, passing: boolean): ShoalError {
  return new ShoalError('no-capacity', message, { definite: !passing })
}
