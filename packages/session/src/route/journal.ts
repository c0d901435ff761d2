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
 * What a sender has sent to the next hop in one session: float32 rows `[from, length)`, and which step made which.
 *
 * It answers repeated steps, and when the next hop is lost its replacement gets `[0, length)` again (the rows of every
 * step in flight included). It grows in segments, so that rows never move and a view of them stays valid until they
 * are truncated.
 */
export interface OutputJournal {
  /** 0, unless the session was handed over to this sender without the rows before it. */
  readonly from: number
  readonly length: number
  /** Bytes allocated now; at most those of the token budget, rounded up to a segment. */
  readonly bytes: number
  /** Steps in order of position, together all rows; the last may have lost some to a rewind. */
  readonly steps: readonly JournalStep[]
  /** Appends the output of a step; `rows` is copied. */
  append(step: number, rows: Float32Array, want?: Step['want']): void
  /** Forgets rows from `length` on. A step that had one of them cannot be found any more: it must not answer a repeat. */
  truncate(length: number): void
  /** Nothing being here, the next row is that of `position`. */
  startAt(position: number): void
  /** Appends rows of another sender's journal; `adopt` says later which step made which. */
  restore(rows: Float32Array): void
  /** @throws {RangeError} when these steps are not the rows that are here */
  adopt(steps: readonly JournalStep[]): void
  /** Calls `listener` with the length after each truncation, until the function returned is called. */
  watch(listener: (length: number) => void): () => void
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
  const listeners = new Set<(length: number) => void>()
  let first = 0
  let length = 0

  const views = (from: number, to: number): Float32Array[] => {
    if (from < first || to < from || to > length)
      throw new RangeError(`rows [${from}, ${to}) of a journal of [${first}, ${length})`)
    const found: Float32Array[] = []
    for (let row = from; row < to;) {
      const index = Math.floor((row - first) / segmentRows)
      const base = first + index * segmentRows
      const end = Math.min(to, base + segmentRows)
      found.push(segments[index]!.subarray((row - base) * hiddenSize, (end - base) * hiddenSize))
      row = end
    }
    return found
  }

  const startAt = (position: number): void => {
    if (length > first) throw new RangeError(`a journal of [${first}, ${length}) cannot start at ${position}`)
    first = position
    length = position
  }

  const store = (rows: Float32Array): number => {
    const count = rows.length / hiddenSize
    if (!Number.isInteger(count) || length + count > tokenBudget)
      throw new RangeError(`${rows.length} numbers do not fit a journal of ${length} of ${tokenBudget} rows`)
    const position = length
    while (segments.length * segmentRows < length + count - first)
      segments.push(new Float32Array(segmentSize))
    length += count
    let taken = 0
    for (const view of views(position, length)) {
      view.set(rows.subarray(taken, taken + view.length))
      taken += view.length
    }
    return count
  }

  return {
    get from() {
      return first
    },
    get length() {
      return length
    },
    get bytes() {
      return segments.length * segmentSize * 4
    },
    steps,
    append(step, rows, want = 'none') {
      const position = length
      const entry = { step, position, rows: store(rows), want }
      steps.push(entry)
      byStep.set(step, entry)
    },
    truncate(newLength) {
      if (newLength < 0 || newLength > length)
        throw new RangeError(`a journal of [${first}, ${length}) cannot be cut to ${newLength}`)
      length = Math.max(first, newLength)
      for (
        let last = steps.at(-1);
        last !== undefined && last.position + last.rows > length;
        last = steps.at(-1)
      ) {
        steps.pop()
        byStep.delete(last.step)
        if (last.position < length) steps.push({ ...last, rows: length - last.position })
      }
      segments.length = Math.ceil((length - first) / segmentRows)
      if (newLength < first) startAt(newLength)
      for (const listener of listeners) listener(newLength)
    },
    startAt,
    restore: (rows) => void store(rows),
    adopt(adopted) {
      const [begin, last] = [adopted[0], adopted.at(-1)]
      if (
        steps.length > 0 ||
        (begin?.position ?? length) !== first ||
        (last === undefined ? length : last.position + last.rows) !== length
      ) {
        throw new RangeError(`${adopted.length} steps are not the rows [${first}, ${length})`)
      }
      for (const entry of adopted) {
        steps.push(entry)
        byStep.set(entry.step, entry)
      }
    },
    watch(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    find: (step) => byStep.get(step),
    views,
    rows: (from, to) => joinRows(views(from, to)).slice(),
  }
}
