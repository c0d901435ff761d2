import { ShoalError } from '@shoal/host'
import { encodeSession, type SessionFailed, type Step } from '@shoal/protocol'
import { bytesOf } from '../../route/hidden-states.ts'
import type { Stage } from '../stage.ts'
import type { Pushed } from './output-pushes.ts'

export type Failure = Pick<SessionFailed, 'step' | 'code' | 'message' | 'definite'>

/** Tells a session's coordinator that the session, or a step of it, cannot go on here. */
export function reportFailure(stage: Stage, failure: Failure): void {
  const { step, code, message, definite } = failure
  stage.owner.outbox.post({
    type: 'failed',
    session: stage.id,
    start: stage.start,
    epoch: stage.session.epoch,
    step,
    code,
    message,
    definite,
  })
}

/** Reports a failure of the stage after this one, which cannot report it itself. */
export function reportNext(stage: Stage, failure: Failure): void {
  const { step, code, message, definite } = failure
  const start = stage.session.next.coordinator ? stage.start : stage.end
  stage.owner.outbox.post({
    type: 'failed',
    session: stage.id,
    start,
    epoch: stage.session.epoch,
    step,
    code,
    message,
    definite,
  })
}

/** Reports that the channel to the next stage has ended. The journal keeps the rows for the stage that replaces it. */
export function nextLost(stage: Stage, error: Error | undefined): void {
  stage.connect(null)
  reportNext(stage, {
    step: null,
    code: 'peer-vanished',
    message: error === undefined ? 'it closed its channel' : 'its channel has broken',
    definite: false,
  })
}

/**
 * Sends a step's output to the next stage. The last stage sends the rows that the coordinator wants to the coordinator.
 */
export async function pushOutput(
  stage: Stage,
  frame: Pushed,
  rows: () => readonly Float32Array[],
): Promise<void> {
  const { epoch, next } = stage.session
  if (next.coordinator) {
    const count = frame.want === 'none' ? 0 : frame.want === 'last' ? 1 : frame.rows
    const [head] = encodeSession({
      type: 'result',
      session: stage.id,
      epoch,
      position: frame.position,
      rows: count,
      step: frame.step,
    })
    if (head === undefined) throw new ShoalError('internal', 'a result has a head')
    await stage.owner.outbox.send(() => [
      head,
      ...wantedRows(frame.want, rows(), stage.runner.hiddenSize).map(bytesOf),
    ])
    return
  }
  await stage.hop?.send(() => [
    ...encodeSession({
      type: 'step',
      session: stage.id,
      start: stage.end,
      epoch,
      position: frame.position,
      rows: frame.rows,
      step: frame.step,
      rewind: frame.rewind,
      want: frame.want,
    }),
    ...rows().map(bytesOf),
  ])
}

function wantedRows(
  want: Step['want'],
  rows: readonly Float32Array[],
  hiddenSize: number,
): readonly Float32Array[] {
  if (want === 'none') return []
  if (want === 'all') return rows
  return [rows.at(-1)!.subarray(-hiddenSize)]
}
