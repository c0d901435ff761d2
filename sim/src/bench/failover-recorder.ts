import type { LogFields, Logger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'

interface Entry {
  readonly event: string
  readonly atMs: number
  readonly fields: LogFields
}

/** A coordinator's log events during one answer, with their times. */
export interface FailoverRecorder {
  readonly logger: Logger
  /** Clears the events of the previous answer. */
  clear(): void
  /** Milliseconds from `sinceMs` to the first (or last) event of a name; null when it has not happened. */
  firstMs(event: string, sinceMs: number): number | null
  lastMs(event: string, sinceMs: number): number | null
  fields(event: string): LogFields | null
  /** The peers of the session's first route, in order. */
  peers(): readonly string[]
}

export function createFailoverRecorder(): FailoverRecorder {
  const entries: Entry[] = []
  const record = (event: string, fields: LogFields = {}): void =>
    void entries.push({ event, atMs: systemClock.nowMs(), fields })
  const logger: Logger = { debug: record, info: record, warn: record, error: record, child: () => logger }
  const last = (event: string): Entry | undefined => entries.findLast((entry) => entry.event === event)
  return {
    logger,
    clear: () => void entries.splice(0),
    firstMs(event, sinceMs) {
      const entry = entries.find((one) => one.event === event && one.atMs >= sinceMs)
      return entry === undefined ? null : entry.atMs - sinceMs
    },
    lastMs(event, sinceMs) {
      const entry = last(event)
      return entry === undefined || entry.atMs < sinceMs ? null : entry.atMs - sinceMs
    },
    fields: (event) => last(event)?.fields ?? null,
    peers() {
      const stages = last('session-started')?.fields['stages']
      // `blocks 2 to 3 at 12D3…: class`
      return Array.isArray(stages) ? stages.map((stage) => / at ([^:]+):/.exec(String(stage))?.[1] ?? '') : []
    },
  }
}
