import { messageOf, ShoalError, type Logger, orAborted, throwIfAborted } from '@shoal/host'
import type { NextHop, OpenSession } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { admit, overMemory, type StageOffer } from './admission.ts'
import type { Outbox } from '../channels/outbox.ts'
import type { ChannelUse, PeerChannels } from '../channels/peer-channels.ts'
import { nameBlocks } from '../route/stage-error.ts'
import { pushOutput, reportFailure, reportNext } from './steps/output.ts'
import { createStageRestore } from './hand-over/receive-caches.ts'
import { createStageSession } from './steps/stage-session.ts'
import { stageKey, type Stage, type StageEvent, type StageTable } from './stage-table.ts'

export interface StageOpeningContext {
  readonly table: StageTable
  readonly hops: PeerChannels
  readonly logger: Logger
  /** This node. */
  readonly peerId: string
  /** What this node is at the time of asking. */
  readonly now: { readonly numericClass: string; readonly incarnation: number }
  offer(): Omit<StageOffer, 'sessions' | 'sessionsOfPeer'>
  onEvent(event: StageEvent): void
  /** A new session has been answered for. */
  opened(stage: Stage): void
}

/** Answers `open`: a new session here, or a new version of the route of one that is open. */
export async function openStage(
  context: StageOpeningContext,
  outbox: Outbox,
  request: OpenSession,
): Promise<void> {
  try {
    let existing = context.table.find(request.session, request.start)
    if (existing !== undefined && isOfNoUse(existing, outbox, request)) {
      // Its coordinator had lost this peer and has come back to it: what was computed for another cut, or before the computation failed, is of no use.
      await context.table.free(existing)
      existing = undefined
    }
    const stage =
      existing === undefined
        ? await makeStage(context, outbox, request)
        : await moveStage(context, existing, outbox, request)
    if (stage === null) return
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
    // A next hop that cannot be reached is a failure of that stage, and the coordinator must avoid that one.
    const start = error instanceof UnreachableNext ? request.end : request.start
    const { code, definite } = error instanceof ShoalError ? error : { code: 'internal', definite: false }
    outbox.post({
      type: 'failed',
      session,
      start,
      epoch,
      step: null,
      code,
      message: messageOf(error),
      definite,
    })
  }
}

class UnreachableNext extends ShoalError {}

function isOfNoUse(stage: Stage, outbox: Outbox, request: OpenSession): boolean {
  return (
    stage.owner.peer === outbox.peer &&
    request.epoch > stage.session.epoch &&
    (request.end !== stage.end || stage.session.broken)
  )
}

async function reachNext(
  hops: PeerChannels,
  self: string,
  next: NextHop,
  signal: AbortSignal,
): Promise<ChannelUse> {
  try {
    return await hops.use(next.peer, next.addresses, signal)
  } catch (error) {
    const { code, definite } =
      error instanceof ShoalError ? error : { code: 'internal' as const, definite: false }
    throw new UnreachableNext(code, `${self} cannot reach it: ${messageOf(error)}`, {
      definite,
      cause: error,
    })
  }
}

/** @returns null when it was closed meanwhile, so that nobody waits for the answer @throws {ShoalError} the refusal */
async function makeStage(
  context: StageOpeningContext,
  outbox: Outbox,
  request: OpenSession,
): Promise<Stage | null> {
  const { table, hops } = context
  const owner = table.owner(outbox.peer) ?? { peer: outbox.peer, outbox, stages: new Set<Stage>() }
  const admission = admit(
    { ...context.offer(), sessions: table.size, sessionsOfPeer: owner.stages.size },
    request,
  )
  if (admission.kind === 'refused') throw new ShoalError(admission.code, admission.message)
  owner.outbox = outbox

  const { runner } = admission
  const { session: id, start, end, tokenBudget, epoch, previous, next } = request
  // A replacement may be asked twice, and the runner may still be freeing the first one.
  const key = epoch === 0 ? stageKey(id, start) : `${stageKey(id, start)}/${epoch}`
  const session = createStageSession(
    { key, runner, tokenBudget, epoch, previous, next, held: epoch > 0 || request.restore !== undefined },
    {
      push: (frame, rows) => pushOutput(stage, frame, rows),
      fail: (step, code, message, definite) => reportFailure(stage, { step, code, message, definite }),
      failNext: (step, message) =>
        reportNext(stage, { step, code: 'peer-vanished', message, definite: false }),
    },
  )
  const restore =
    request.restore === undefined
      ? null
      : createStageRestore({
          peer: request.restore,
          epoch,
          key,
          runner,
          journal: session.journal,
          adopt: (lastStep) => session.adopt(lastStep),
          failed: ({ code, message, definite }) =>
            reportFailure(stage, { step: null, code, message, definite }),
        })
  const stage: Stage = {
    id,
    start,
    end,
    owner,
    runner,
    session,
    freed: new AbortController(),
    opened: false,
    hop: null,
    restore,
    handOver: null,
  }
  // In the table before the first wait, so that its room is taken and a `close` finds it.
  table.add(stage)
  const { signal } = stage.freed
  try {
    await runner.open(key, tokenBudget, { start, end })
    throwIfAborted(signal)
    const over = overMemory(runner.memory(), journalBudgetBytes(table, runner))
    if (over !== null) throw new ShoalError('no-capacity', over)
    // A next hop that cannot be reached is found now and not at the first token.
    if (!next.coordinator) stage.hop = await reachNext(hops, context.peerId, next, signal)
    throwIfAborted(signal)
  } catch (error) {
    if (signal.aborted) {
      // Closed while the runner was still opening it: only now is there something to free.
      stage.hop?.release()
      await runner.close(key)
      return null
    }
    // Before the answer, so that whoever is told finds the memory free.
    await table.free(stage)
    throw error
  }
  stage.opened = true
  context.logger.info('session-opened', { session: id, peer: owner.peer, blocks: nameBlocks(stage) })
  context.onEvent({ event: 'session-opened', session: id, peer: owner.peer })
  return stage
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
  if (!stage.opened || request.epoch === session.epoch)
    throw new ShoalError('bad-request', `the session is open here at epoch ${session.epoch}`)
  stage.owner.outbox = outbox
  const idle = session.move(request.epoch, request.previous, request.next)
  stage.hop?.release()
  stage.hop = null
  const hop = request.next.coordinator
    ? null
    : await reachNext(context.hops, context.peerId, request.next, stage.freed.signal)
  // What was being computed, or is handed over, is in the journal before the answer says how long it is.
  await idle
  if (stage.restore !== null) await orAborted(stage.restore.whole, stage.freed.signal)
  // A later move, or a close, came while this one was connecting: its own hop counts.
  if (stage.freed.signal.aborted || session.epoch !== request.epoch) {
    hop?.release()
    return null
  }
  stage.hop = hop
  context.logger.info('session-moved', {
    session: stage.id,
    peer: stage.owner.peer,
    blocks: nameBlocks(stage),
    epoch: request.epoch,
  })
  context.onEvent({ event: 'session-moved', session: stage.id, peer: stage.owner.peer })
  return stage
}

/** What the journals of a runner's sessions may grow to. */
export function journalBudgetBytes(table: StageTable, runner?: BlockRunner): number {
  return table.list(runner).reduce((sum, stage) => sum + stage.session.journalBudgetBytes, 0)
}
