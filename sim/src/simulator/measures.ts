import type { Clock, Logger } from '@shoal/host'
import type { FaultBook } from './fault-book.ts'

/** Times of failures as clients see them, in virtual milliseconds. */
export interface Measures {
  /** Hears what a client's sessions say. */
  watch(client: string, logger: Logger): Logger
  token(client: string): void
  /** From what was done to a peer until a session says that it has lost it. */
  readonly detectionMs: readonly number[]
  /** From that word until the next token. */
  readonly recoveryMs: readonly number[]
  readonly repairs: number
}

export function createMeasures(clock: Clock, book: FaultBook): Measures {
  const detectionMs: number[] = []
  const recoveryMs: number[] = []
  /** Clients that wait for a token since they have lost a stage. */
  const lostMs = new Map<string, number>()
  let repairs = 0

  const stageLost = (client: string, peer: unknown): void => {
    if (!lostMs.has(client)) lostMs.set(client, clock.nowMs())
    const beganMs = typeof peer === 'string' ? book.beganMs(peer) : null
    if (beganMs !== null) detectionMs.push(clock.nowMs() - beganMs)
  }
  const watching = (client: string, logger: Logger): Logger => ({
    ...logger,
    warn(event, fields) {
      if (event === 'stage-lost') stageLost(client, fields?.['peer'])
      logger.warn(event, fields)
    },
    info(event, fields) {
      if (event === 'route-repaired') repairs += 1
      logger.info(event, fields)
    },
    child: (fields) => watching(client, logger.child(fields)),
  })

  return {
    watch: watching,
    token(client) {
      const sinceMs = lostMs.get(client)
      if (sinceMs === undefined) return
      lostMs.delete(client)
      recoveryMs.push(clock.nowMs() - sinceMs)
    },
    detectionMs,
    recoveryMs,
    get repairs() {
      return repairs
    },
  }
}
