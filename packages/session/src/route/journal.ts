import type { Step } from '@shoal/protocol'
import { joinRows } from './hidden-states.ts'
import { RowSegments } from './row-segments.ts'

/** Where the output of one step lies in a journal. */
export interface JournalStep {
  readonly step: number
  readonly position: number
  readonly rows: number
  /** Which rows of the last stage's output the coordinator wants for this step. */
  readonly want: Step['want']
}

/**
 * What a sender has sent to the next hop in one session: float32 rows `[from, length)`, and which step made which rows.
 *
 * The journal answers repeated steps. When the next hop is lost, its replacement gets these rows again, those of steps
 * under way included. The journal grows in segments, so that rows never move and a view of them stays valid until they
 * are truncated.
 */
export interface OutputJournal {
  /** 0, unless the session was handed over to this sender without the rows before it. */
  readonly from: number
  readonly length: number
  /** Bytes allocated now; at most those of the token budget, rounded up to a segment. */
  readonly bytes: number
  /** Steps in order of position. Together they have all rows; a rewind may have cut the last one short. */
  readonly steps: readonly JournalStep[]
  /** Appends the output of a step; `rows` is copied. */
  append(step: number, rows: Float32Array, want?: Step['want']): void
  /** Forgets rows from `length` on. A step that lost a row cannot be found any more, since it must not answer a repeat. */
  truncate(length: number): void
  /** Sets the position of the first row of an empty journal. @throws {RangeError} when the journal has rows */
  startAt(position: number): void
  /** Appends rows of another sender's journal. `adopt` says afterwards which steps they belong to. */
  restore(rows: Float32Array): void
  /** Assigns restored rows to steps. @throws {RangeError} when the steps do not cover exactly these rows */
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
  const segments = new RowSegments(hiddenSize, tokenBudget)
  const steps: JournalStep[] = []
  const byStep = new Map<number, JournalStep>()
  const listeners = new Set<(length: number) => void>()

  return {
    get from() {
      return segments.first
    },
    get length() {
      return segments.length
    },
    get bytes() {
      return segments.bytes
    },
    steps,
    append(step, rows, want = 'none') {
      const position = segments.length
      const entry = { step, position, rows: segments.append(rows), want }
      steps.push(entry)
      byStep.set(step, entry)
    },
    truncate(newLength) {
      segments.cut(newLength)
      for (
        let last = steps.at(-1);
        last !== undefined && last.position + last.rows > newLength;
        last = steps.at(-1)
      ) {
        steps.pop()
        byStep.delete(last.step)
        if (last.position < newLength) steps.push({ ...last, rows: newLength - last.position })
      }
      for (const listener of listeners) listener(newLength)
    },
    startAt: (position) => segments.startAt(position),
    restore: (rows) => void segments.append(rows),
    adopt(adopted) {
      const { first, length } = segments
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
    views: (from, to) => segments.views(from, to),
    rows: (from, to) => joinRows(segments.views(from, to)).slice(),
  }
}
