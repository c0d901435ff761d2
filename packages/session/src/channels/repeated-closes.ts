import type { Clock } from '@shoal/host'
import type { CloseSession } from '@shoal/protocol'
import type { Outbox } from './outbox.ts'
import { sessionLimits, type SessionTimes } from '../route/limits.ts'

interface Close {
  readonly message: CloseSession
  readonly outbox: Outbox
  readonly atMs: number
}

/**
 * Closes of sessions that did not reach their stages. A link that breaks takes the `close` of a session with it, and the
 * stage keeps the session's memory as long as it hears from the coordinator, up to `idleMs`. So what was closed on a
 * channel that has ended is closed again on the next channel to the same peer, before anything else is asked there. A
 * stage ignores the close of a session that it does not have.
 */
export class RepeatedCloses {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #times: Pick<SessionTimes, 'idleMs'>
  readonly #closes = new Map<string, Close[]>()

  constructor(clock: Pick<Clock, 'nowMs'>, times: Pick<SessionTimes, 'idleMs'>) {
    this.#clock = clock
    this.#times = times
  }

  /** Peers at which a close may have been lost. */
  get peers(): number {
    return this.#closes.size
  }

  /** Sends `message`, and remembers it until it cannot matter any more. */
  close(outbox: Outbox, message: CloseSession): void {
    outbox.post(message)
    this.#forgetOld()
    const closes = this.#recent(outbox.peer)
    closes.push({ message, outbox, atMs: this.#clock.nowMs() })
    this.#closes.delete(outbox.peer)
    // A node has no more sessions of one peer, so that older closes have been heard.
    if (closes.length > sessionLimits.maxSessionsPerPeer) closes.shift()
    this.#closes.set(outbox.peer, closes)
  }

  /** Sends again what was closed on channels of this peer that have ended. */
  repeat(outbox: Outbox): void {
    const closes = this.#recent(outbox.peer)
    for (const close of closes) {
      if (close.outbox !== outbox) outbox.post(close.message)
    }
    if (closes.length === 0) this.#closes.delete(outbox.peer)
    else
      this.#closes.set(
        outbox.peer,
        closes.map((close) => ({ ...close, outbox })),
      )
  }

  /** Peers that are not reached again leave nothing here. The map is in the order of each peer's last close. */
  #forgetOld(): void {
    for (const peer of this.#closes.keys()) {
      if (this.#recent(peer).length > 0) return
      this.#closes.delete(peer)
    }
  }

  #recent(peer: string): Close[] {
    const sinceMs = this.#clock.nowMs() - this.#times.idleMs
    return (this.#closes.get(peer) ?? []).filter(({ atMs }) => atMs > sinceMs)
  }
}
