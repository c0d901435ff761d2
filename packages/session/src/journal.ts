import type { Step } from '@shoal/protocol'
import { joinRows } from './hidden-states.ts'
import { sessionLimits } from './limits.ts'

/** Where the output of one step lies in a journal. */
export interface JournalStep {
  readonly step: number
  readonly position: number
  readonly rows: number
  /** What the coordinator wants back of it. */
  readonly want: Step['want']
}

/**
 * What a sender has sent to the next hop in one session: float32 rows `[0, length)`, and which step made which.
 *
 * It answers repeated steps, and when the next hop is lost its replacement gets `[0, length)` again (the rows of every
 * step in flight included). It grows in segments, so that rows never move and a view of them stays valid until they
 * are truncated.
 */
export interface OutputJournal {
  readonly length: number
  /** Bytes allocated now; at most those of the token budget, rounded up to a segment. */
  readonly bytes: number
  /** Steps in order of position, together all rows; the last may have lost some to a rewind. */
  readonly steps: readonly JournalStep[]
  /** Appends the output of a step; `rows` is copied. */
  append(step: number, rows: Float32Array, want?: Step['want']): void
  /** Forgets rows from `length` on. A step that had one of them cannot be found any more: it must not answer a repeat. */
  truncate(length: number): void
  find(step: number): JournalStep | undefined
  /** Rows `[from, to)` without a copy: a list of float32 views that follow each other. */
  views(from: number, to: number): Float32Array[]
  /** Rows `[from, to)` as one array, copied. */
  rows(from: number, to: number): Float32Array
}

export function createJournal(hiddenSize: number, tokenBudget: number): OutputJournal {
  const segmentRows = sessionLimits.journalSegmentRows
  const segmentSize = segmentRows * hiddenSize
  const segments: Float32Array[] = []
  const steps: JournalStep[] = []
  const byStep = new Map<number, JournalStep>()
  let length = 0

  const checkRange = (from: number, to: number): void => {
    if (from < 0 || to < from || to > length) throw new RangeError(`rows [${from}, ${to}) of a journal of ${length}`)
  }

  const views = (from: number, to: number): Float32Array[] => {
    checkRange(from, to)
    const found: Float32Array[] = []
    for (let row = from; row < to; ) {
      const index = Math.floor(row / segmentRows)
      const end = Math.min(to, (index + 1) * segmentRows)
      const base = index * segmentRows
      found.push(segments[index]!.subarray((row - base) * hiddenSize, (end - base) * hiddenSize))
      row = end
    }
    return found
  }

  return {
    get length() {
      return length
    },
    get bytes() {
      return segments.length * segmentSize * 4
    },
    steps,
    append(step, rows, want = 'none') {
      const count = rows.length / hiddenSize
      if (!Number.isInteger(count) || length + count > tokenBudget) throw new RangeError(`${rows.length} numbers do not fit a journal of ${length} of ${tokenBudget} rows`)
      const entry = { step, position: length, rows: count, want }
      while (segments.length * segmentRows < length + count) segments.push(new Float32Array(segmentSize))
      length += count
      let taken = 0
      for (const view of views(entry.position, length)) {
        view.set(rows.subarray(taken, taken + view.length))
        taken += view.length
      }
      steps.push(entry)
      byStep.set(step, entry)
    },
    truncate(newLength) {
      checkRange(newLength, length)
      length = newLength
      for (let last = steps.at(-1); last !== undefined && last.position + last.rows > length; last = steps.at(-1)) {
        steps.pop()
        byStep.delete(last.step)
        if (last.position < length) steps.push({ ...last, rows: length - last.position })
      }
      segments.length = Math.ceil(length / segmentRows)
    },
    find: (step) => byStep.get(step),
    views,
    rows: (from, to) => joinRows(views(from, to)).slice(),
  }
}
