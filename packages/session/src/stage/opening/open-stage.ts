import { asFailure, orAborted, ShoalError } from '@shoal/host'
import type { OpenSession } from '@shoal/protocol'
import { makeStage } from './make-stage.ts'
import { reachNext, UnreachableNext, type StageOpeningContext } from './opening-context.ts'
import type { Outbox } from '../../channels/outbox.ts'
import { nameBlocks } from '../../route/stage-error.ts'
import type { Stage } from '../stage.ts'

/** Answers `open`: a new session here, or a new version of the route of one that is open. */
export async function openStage(
  context: StageOpeningContext,
  outbox: Outbox,
  request: OpenSession,
): Promise<void> {
  try {
    let existing = context.table.find(request.session, request.start)
    if (existing !== undefined && isOfNoUse(existing, outbox, request)) {
      // The coordinator had lost this peer and has come back to it. Rows that were computed for another cut, or before
      // a computation failed, are of no use.
      await context.table.free(existing)
      existing = undefined
    }
    const stage =
      existing === undefined
        ? await makeStage(context, outbox, request)
        : await moveStage(context, existing, outbox, request)
    if (stage === null) return
    context.admitSendersOf(stage)
    const { incarnation } = context.now
    const numericClass = stage.runner.numericClass ?? context.now.numericClass
    const { ranks = 1 } = stage.runner
    const { journalFrom, ...progress } = stage.session.progress
    stage.owner.outbox.post({
      type: 'opened',
      session: stage.id,
      start: stage.start,
      epoch: stage.session.epoch,
      numericClass,
      incarnation,
      ...(ranks > 1 && { ranks }),
      ...progress,
      ...(journalFrom > 0 && { journalFrom }),
    })
    if (existing === undefined) context.opened(stage)
  } catch (error) {
    const { session, epoch } = request
    // A next hop that cannot be reached is a failure of the next stage, which the coordinator must avoid.
    const start = error instanceof UnreachableNext ? request.end : request.start
    outbox.post({
      type: 'failed',
      session,
      start,
      epoch,
      step: null,
      ...asFailure(error),
    })
  }
}

function isOfNoUse(stage: Stage, outbox: Outbox, request: OpenSession): boolean {
  return (
    stage.owner.peer === outbox.peer &&
    request.epoch > stage.session.epoch &&
    (request.end !== stage.end || stage.session.broken)
  )
}

/** A session that is open here gets new neighbours and a higher epoch; KV and journal stay. @throws {ShoalError} the refusal */
async function moveStage(
  context: StageOpeningContext,
  stage: Stage,
  outbox: Outbox,
  request: OpenSession,
): Promise<Stage | null> {
  const { session } = stage
  if (stage.owner.peer !== outbox.peer) throw new ShoalError('bad-request', 'this session id is in use')
  if (request.epoch < session.epoch)
    throw new ShoalError('stale-epoch', `the session is at epoch ${session.epoch} here, not ${request.epoch}`)
  if (request.wire !== stage.wire)
    throw new ShoalError(
      'bad-request',
      `hidden states of this session travel as ${stage.wire}, not ${request.wire}`,
    )
  if (!stage.opened || request.epoch === session.epoch)
    throw new ShoalError('bad-request', `the session is open here at epoch ${session.epoch}`)
  stage.owner.heardOn(outbox)
  const { epoch, previous, next } = request
  const idle = session.move({ epoch, previous, next })
  stage.connect(null)
  const hop = next.coordinator ? null : await reachNext(context, next, stage.freed)
  // Rows that were being computed or handed over must be in the journal before the answer says how long it is.
  await idle
  if (stage.restore !== null) await orAborted(stage.restore.whole, stage.freed)
  // A later move or a close came while this call was connecting, so the channel of this call is not used.
  if (stage.freed.aborted || session.epoch !== epoch) {
    hop?.release()
    return null
  }
  stage.connect(hop)
  context.table.used(stage)
  context.logger.info('session-moved', {
    session: stage.id,
    peer: stage.owner.peer,
    blocks: nameBlocks(stage),
    epoch,
  })
  context.onEvent({ event: 'session-moved', session: stage.id, peer: stage.owner.peer })
  return stage
}
