import { createHash } from 'node:crypto'
import type { Clock } from '@shoal/host'

/** Hash of everything that happened: equal for equal runs. */
export interface Trace {
  add(what: string, bytes?: Uint8Array): void
  readonly entries: number
  hash(): string
}

/** @param listener receives each entry, to find the first difference of two runs */
export function createTrace(clock: Clock, listener?: (line: string) => void): Trace {
  const hash = createHash('sha256')
  let entries = 0
  return {
    add(what, bytes) {
      entries += 1
      hash.update(`${clock.nowMs()} ${what}\n`)
      if (bytes !== undefined) hash.update(bytes)
      listener?.(
        `${clock.nowMs()} ${what}${bytes === undefined ? '' : ` ${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`}`,
      )
    },
    get entries() {
      return entries
    },
    hash: () => hash.copy().digest('hex'),
  }
}
