import { ShoalError, throwIfAborted } from '@shoal/host'
import type { OpenSession } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import type { Outbox } from '../../channels/outbox.ts'
import { nameBlocks } from '../../route/stage-error.ts'
import { StageRestore } from '../hand-over/stage-restore.ts'
import { nativeHash } from '../receipts/native-hash.ts'
import { SessionReceipts } from '../receipts/session-receipts.ts'
import { Owner, Stage } from '../stage.ts'
import { stageKey } from '../stage-table.ts'
import { SessionOutput } from '../steps/session-output.ts'
import { StageSession } from '../steps/stage-session.ts'
import { admit, overMemory, roomWillCome } from './admission.ts'
import { reachNext, type StageOpeningContext } from './opening-context.ts'
import type { Shortage } from './room-queue.ts'
import { overShare } from './shares.ts'
import { countSessions, promisedTo, tenancyOf } from './tenancy.ts'

/**
 * Makes room for a new session, waiting for memory when the request says so.
 * @returns null when the session was closed meanwhile, so that nobody waits for the answer
 * @throws {ShoalError} the refusal
 */
export async function makeStage(
  context: StageOpeningContext,
  outbox: Outbox,
  request: OpenSession,
): Promise<Stage | null> {
  const { table, room } = context
  const owner = table.owner(outbox.peer) ?? new Owner(outbox, context.peers.account(outbox.peer))
  const admission = admit(
    {
      ...context.offer(),
      ...countSessions(context, owner),
      standing: context.peers.standing(owner.peer),
    },
    request,
  )
  if (admission.kind === 'refused') throw new ShoalError(admission.code, admission.message)
  owner.heardOn(outbox)
  const stage = stageFor(context, owner, admission.runner, request)
  // In the table before the first wait, so that a `close`, or the end of the owner's lease, finds it.
  table.add(stage)
  const { freed: signal } = stage
  try {
    await room.take({
      owner: owner.account,
      waitMs: request.waitMs === undefined ? null : Math.min(request.waitMs, context.roomWaitMs),
      overtakes: overtakes(stage, request),
      signal,
      reserve: () => context.queues(stage.runner).reservations.run(() => reserveFor(context, stage, request)),
    })
    if (request.prefix !== undefined) await context.prefixes.begin(stage, request.prefix)
    // The next hop is dialled now, so that an unreachable one fails the opening and not the first token.
    const hop = request.next.coordinator ? null : await reachNext(context, request.next, signal)
    if (signal.aborted) {
      hop?.release()
      return null
    }
    stage.open(hop)
  } catch (error) {
    if (signal.aborted) return null
    // The memory is freed before the refusal is sent, so that the coordinator finds it free when it asks again.
    await table.free(stage)
    throw error
  }
  context.logger.debug('session-opened', { session: stage.id, peer: owner.peer, blocks: nameBlocks(stage) })
  context.onEvent({ event: 'session-opened', session: stage.id, peer: owner.peer })
  return stage
}

/** Stages of running sessions do not queue, and neither does a session that holds another span of this node already. */
function overtakes(stage: Stage, { epoch, restore }: OpenSession): boolean {
  if (epoch > 0 || restore !== undefined) return true
  return [...stage.owner.stages].some((other) => other !== stage && other.id === stage.id && other.reserved)
}

/**
 * Reserves memory. An answer that runs and has lost a stage gets the room of sessions that have not begun: one of them
 * may wait for room that the answer itself holds at another stage, and then neither would ever go on. Any peer can say that
 * its answer runs: a stranger gets the room of strangers only, and nobody gets more than the share of its account.
 */
async function reserveFor(
  context: StageOpeningContext,
  stage: Stage,
  request: OpenSession,
): Promise<Shortage | null> {
  for (;;) {
    const shortage = await reserve(context, stage, request)
    if (shortage === null || shortage.ofShare || request.epoch === 0) return shortage
    const { peers } = context
    const isStranger = ({ owner }: Stage): boolean => peers.standing(owner.peer) === 'stranger'
    const waiting = context.table
      .list(stage.runner)
      .findLast(
        (other) => other.mayWaitElsewhere && other.opened && (isStranger(other) || !isStranger(stage)),
      )
    if (waiting === undefined) return shortage
    context.logger.info('room-taken-back', { session: waiting.id, peer: waiting.owner.peer })
    waiting.fail({
      step: null,
      // Its coordinator looks for another peer, or waits here again; one that has just begun replaces the stage.
      code: 'not-ready',
      message: 'an answer that runs needs the room',
      definite: true,
    })
    await context.table.free(waiting)
  }
}

interface Lack extends Shortage {
  /** Whether the account has its share already: the room of others would not help. */
  readonly ofShare: boolean
}

/** @returns null when KV cache and journal fit, else what is missing; nothing is reserved then */
async function reserve(
  { table, peers, prefixes }: Pick<StageOpeningContext, 'table' | 'peers' | 'prefixes'>,
  stage: Stage,
  { tokenBudget, start, end }: OpenSession,
): Promise<Lack | null> {
  const { runner, session } = stage
  const { freed: signal } = stage
  throwIfAborted(signal)
  const open = table.list().filter((other) => other.reserved)
  const here = open.filter((other) => other.runner === runner)
  const own = [...here.filter((other) => other.id === stage.id), stage]
  const memory = runner.memory()
  // Decided before the runner is asked, when table and runner agree. While memory is being freed they do not.
  const passing =
    table.freeing > 0 ||
    (open.some((other) => other.id !== stage.id) && roomWillCome(memory, promisedTo(here), promisedTo(own)))
  const shortage = (message: string, ofShare = false): Lack => ({ message, passing, ofShare })
  stage.reserve()
  try {
    await runner.open(session.key, tokenBudget, { start, end })
  } catch (error) {
    stage.unreserve()
    if (error instanceof ShoalError && error.code === 'no-capacity') return shortage(error.message)
    throw error
  }
  const reserved = table.list(runner).filter((other) => other.reserved)
  const overAll = overMemory(runner.memory(), promisedTo(reserved))
  const overOwn = overShare(peers.standing(stage.owner.peer), tenancyOf(stage, reserved, peers))
  if (overAll !== null || overOwn !== null || signal.aborted) {
    // A stage that was closed while the runner was still opening it has memory to free only now.
    stage.unreserve()
    await runner.close(session.key)
    throwIfAborted(signal)
    return shortage(overAll ?? overOwn ?? '', overOwn !== null)
  }
  // The journal's bytes are promised beside what the runner has taken.
  prefixes.giveWay()
  return null
}

function stageFor(
  context: StageOpeningContext,
  owner: Owner,
  runner: BlockRunner,
  request: OpenSession,
): Stage {
  const { session: id, start, end, tokenBudget, epoch, previous, next } = request
  // A peer may be asked twice to replace a stage while its runner is still freeing the first session, so the epoch is
  // part of the key.
  const key = epoch === 0 ? stageKey(id, start) : `${stageKey(id, start)}/${epoch}`
  const output = new SessionOutput({
    session: id,
    start,
    end,
    owner,
    hiddenSize: runner.hiddenSize,
    wire: request.wire,
    logger: context.logger,
  })
  const session = new StageSession(
    {
      key,
      owner: owner.account,
      runner,
      output,
      tokenBudget,
      epoch,
      previous,
      next,
      held: epoch > 0 || request.restore !== undefined || request.prefix !== undefined,
      ...(request.receipts === true && { receipts: receiptsOf(context, runner, request, () => stage) }),
    },
    context.queues(runner),
  )
  const restore =
    request.restore === undefined
      ? null
      : new StageRestore({
          peer: request.restore,
          epoch,
          key,
          runner,
          journal: session.journal,
          adopt: (lastStep) => session.adopt(lastStep),
          failed: ({ code, message, definite }) => stage.fail({ step: null, code, message, definite }),
        })
  const stage = new Stage({
    id,
    start,
    end,
    owner,
    runner,
    wire: request.wire,
    session,
    output,
    restore,
    inOrder: request.waitMs !== undefined,
  })
  return stage
}

/** The receipts of a session that is about to be made: `stage` is asked for only when rows have been computed. */
function receiptsOf(
  { peerId, now, sign, logger }: StageOpeningContext,
  runner: BlockRunner,
  { manifest, session, start, end }: OpenSession,
  stage: () => Stage,
): SessionReceipts {
  return new SessionReceipts({
    columns: runner.hiddenSize,
    hash: nativeHash,
    sign,
    logger,
    subject: () => ({
      manifest,
      numericClass: runner.numericClass ?? now.numericClass,
      peer: peerId,
      incarnation: now.incarnation,
      session,
      epoch: stage().session.epoch,
      start,
      end,
    }),
    send: (receipt) =>
      stage().owner.outbox.post({ type: 'receipt', session, start, epoch: stage().session.epoch, receipt }),
  })
}
