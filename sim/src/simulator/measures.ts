import type { Clock, Logger } from '@shoal/host'
import type { FaultBook } from './fault-book.ts'

/** Detection and recovery times as clients see them, in virtual milliseconds. */
export interface Measures {
  /** @returns a logger that also reads the log events of a client's sessions */
  watch(client: string, logger: Logger): Logger
  token(client: string): void
  /** Times from a fault until a session logs the loss of the peer. */
  readonly detectionMs: readonly number[]
  /** Times from that log event until the next token. */
  readonly recoveryMs: readonly number[]
  readonly repairs: number
}

export function createMeasures(clock: Clock, book: FaultBook): Measures {
  const detectionMs: number[] = []
  const recoveryMs: number[] = []
  /** When each client that waits for a token lost a stage. */
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
