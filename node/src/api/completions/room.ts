import { onAbort, orAborted, ShoalError } from '@shoal/host'
import type { Engine, GenerateEvent, GenerateRequest } from '@shoal/swarm'
import type { Caller } from '../callers.ts'

/**
 * Lets an answer that finds no room at the stages wait until another one of this API has ended, as long as one is being
 * made. Callers that send three requests at once get three answers, and a full swarm still refuses at once.
 *
 * Where callers can be told apart, the room is shared: who holds least tries first when an answer ends, and no caller has
 * more than its share of the positions that are known to fit, as long as it has an answer at all.
 */
export interface Room {
  /** What this caller may ask for. */
  of(caller: Caller): Engine['generate']
}

interface Waiting {
  readonly caller: Caller
  wake(): void
}

/**
 * @param callerShare what one caller may hold of the positions that fit; 1 where callers cannot be told apart
 */
export function createRoom(engine: () => Engine, callerShare: number): Room {
  /** Positions of the answers that hold room, or try to get it, by their caller. */
  const held = new Map<Caller, number>()
  const waiting = new Set<Waiting>()
  let [trying, positions] = [0, 0]
  /**
   * How many positions have fitted at once, when one more answer did not: what the stages have for this API, as far as it
   * has found out. Nothing tells an API what other coordinators leave it, so this is forgotten when it is at rest.
   */
  let known = Number.POSITIVE_INFINITY

  const take = (caller: Caller, count: number): void => {
    trying += count > 0 ? 1 : -1
    positions += count
    const left = (held.get(caller) ?? 0) + count
    if (left === 0) held.delete(caller)
    else held.set(caller, left)
    if (trying === 0) known = Number.POSITIVE_INFINITY
  }
  /** Whoever waits tries again; of those, the caller that holds least is the first at the stages. */
  const wakeAll = (): void => {
    const order = [...waiting].sort((a, b) => (held.get(a.caller) ?? 0) - (held.get(b.caller) ?? 0))
    for (const entry of order) entry.wake()
  }
  const nextEnd = (caller: Caller, signal: AbortSignal | undefined): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const entry: Waiting = { caller, wake: resolve }
    waiting.add(entry)
    const forget = onAbort(signal, resolve)
    return orAborted(promise, signal).finally(() => {
      forget()
      waiting.delete(entry)
    })
  }
  /** A caller with nothing here may always try: what it asks for may be more than its share. */
  const exceedsShare = (caller: Caller, needed: number): boolean => {
    const own = held.get(caller) ?? 0
    return own > 0 && own + needed > callerShare * known
  }

  async function* generate(caller: Caller, request: GenerateRequest): AsyncGenerator<GenerateEvent> {
    const needed = request.promptIds.length + request.maxTokens
    for (;;) {
      while (exceedsShare(caller, needed)) await nextEnd(caller, request.signal)
      let [begun, waits] = [false, false]
      take(caller, needed)
      try {
        for await (const event of engine().generate(request)) {
          begun = true
          known = Math.max(known, positions)
          yield event
        }
        return
      } catch (error) {
        // No other answer of this API is trying, so none could make room by ending.
        if (begun || trying === 1 || !isNoCapacity(error)) throw error
        waits = true
      } finally {
        take(caller, -needed)
        if (waits) known = Math.min(known, positions)
        // An answer that was refused frees no room; if it woke the others, they would wake each other again and again.
        else wakeAll()
      }
      await nextEnd(caller, request.signal)
    }
  }
  return { of: (caller) => (request) => generate(caller, request) }
}

const isNoCapacity = (error: unknown): boolean => error instanceof ShoalError && error.code === 'no-capacity'
