import type { ErrorCode } from '@shoal/host'
import type { Step } from '@shoal/protocol'
import type { JournalStep } from '../../route/journal.ts'
import { sessionLimits } from '../../route/limits.ts'

/** What the rules need to know of a session at a stage. */
export interface StageState {
  readonly epoch: number
  /** Positions in the KV cache; the journal has as many rows. */
  readonly length: number
  readonly tokenBudget: number
  /** Highest step taken so far, rewound ones included; -1 before the first. */
  readonly lastStep: number
  /** Where a step's output lies, while all of it is still in the journal. */
  sent(step: number): Pick<JournalStep, 'position' | 'rows'> | undefined
}

export type StepDecision =
  /** Forget positions from `truncateTo` on when it is a number, then append. */
  | { readonly kind: 'compute'; readonly truncateTo: number | null }
  /** Seen before: send the rows that the journal has. */
  | { readonly kind: 'answer' }
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly message: string }

const refuse = (code: ErrorCode, message: string): StepDecision => ({ kind: 'refuse', code, message })

/**
 * The one place that says what happens to a step. A lost, repeated, late or misplaced row must be impossible to mistake
 * for the right one, so whatever is not certainly right is refused.
 */
export function decideStep(
  state: StageState,
  frame: Omit<Step, 'type' | 'session' | 'start' | 'want'>,
): StepDecision {
  const { epoch, position, rows, step, rewind } = frame
  if (epoch < state.epoch)
    return refuse('stale-epoch', `step ${step} is of epoch ${epoch}, the session is at epoch ${state.epoch}`)
  if (epoch > state.epoch)
    return refuse('bad-request', `step ${step} is of epoch ${epoch}, this stage knows of ${state.epoch} only`)
  if (rows < 1 || rows > sessionLimits.maxRowsPerStep) {
    return refuse(
      'limit-exceeded',
      `step ${step} has ${rows} rows, a step has 1 to ${sessionLimits.maxRowsPerStep}`,
    )
  }

  const before = state.sent(step)
  if (before !== undefined) {
    if (before.position === position && before.rows === rows) return { kind: 'answer' }
    return refuse(
      'wrong-position',
      `step ${step} was ${rowsAt(before.position, before.rows)} and comes again as ${rowsAt(position, rows)}`,
    )
  }
  // Without this a late duplicate of a rewinding step would cut off rows that came after it.
  if (step <= state.lastStep)
    return refuse('wrong-position', `step ${step} comes after step ${state.lastStep}, and its rows are gone`)

  if (position > state.length)
    return refuse(
      'wrong-position',
      `step ${step} starts at position ${position}, but only ${state.length} are here`,
    )
  if (position < state.length && !rewind) {
    return refuse(
      'wrong-position',
      `step ${step} starts at position ${position}, but ${state.length} are here and it does not rewind`,
    )
  }
  if (position + rows > state.tokenBudget) {
    return refuse(
      'limit-exceeded',
      `step ${step} ends at position ${position + rows}, the session's token budget is ${state.tokenBudget}`,
    )
  }
  return { kind: 'compute', truncateTo: position < state.length ? position : null }
}

const rowsAt = (position: number, rows: number): string => `positions ${position} to ${position + rows - 1}`
