import { messageOf, ShoalError, orAborted, reasonOf, throwIfAborted } from '@shoal/host'
import { encodeSession, type SessionFailed, type SessionMessage } from '@shoal/protocol'
import { createClassRecord } from './numeric-continuity.ts'
import type { CoordinatorDependencies, CoordinatorLinks } from './stage-links.ts'
import { stepDeadlineMs } from './reroute/step-deadline.ts'
import { keptAlong, replayChunks } from '../route/replay-rules.ts'
import { checkForward } from './forward-rules.ts'
import { bytesOf, joinRows } from '../route/hidden-states.ts'
import { createJournal, type JournalStep } from '../route/journal.ts'
import { judgeLateStep } from './reroute/late-steps.ts'
import type { SessionTimes } from '../route/limits.ts'
import { createLosses } from './reroute/losses.ts'
import { requestsFor } from './opening/open-requests.ts'
import {
  accused,
  createOpening,
  lossOf,
  type Opening,
  type OpenRequest,
  type OpenStage,
} from './opening/opening-stages.ts'
import { createPatience } from './reroute/replacement-wait.ts'
import { createPendingSteps, type PendingStep } from './pending-steps.ts'
import { createRelocation } from './reroute/relocation.ts'
import { createRouteRepair, type NewRoute } from './reroute/route-repair.ts'
import { checkRoute, maxRowsPerStep } from '../route/route-rules.ts'
import type { RouteSessionOptions } from './route-session-options.ts'
import { nameStage, StageError } from '../route/stage-error.ts'
import { findSilent } from './reroute/silent-stages.ts'
import type { ForwardOptions, HiddenSession, Route, RouteStage } from '../route/types.ts'

interface Context extends CoordinatorDependencies {
  readonly links: CoordinatorLinks
  readonly times: SessionTimes
}

/**
 * Opens a session at every stage of a route.
 * @throws {StageError} a stage's refusal, or that it cannot be reached; the other stages are closed again
 * @throws {ShoalError} `no-route` for one with gaps, `cancelled`
 */
export async function startRouteSession(
  context: Context,
  options: RouteSessionOptions,
): Promise<HiddenSession> {
  const { clock, logger, transport, links, times } = context
  const { session, hiddenSize, tokenBudget, signal } = options
  let { route } = options
  checkRoute(route, options.range)
  throwIfAborted(signal)

  /** Of the route, and the highest that anybody has been given. */
  let epoch = 0
  let epochs = 0
  const rowsMax = maxRowsPerStep(hiddenSize)
  const closing = new AbortController()
  let stages: readonly OpenStage[] = []
  let first: Opening | null = null
  /** What this sender has sent to the first stage. */
  const journal = createJournal(hiddenSize, tokenBudget)
  let steps = 0
  const extensions = new WeakMap<PendingStep, number>()
  const losses = createLosses()
  const patience = createPatience(clock, times)
  const classes = createClassRecord()
  let failovers = 0
  let moves = 0
  let ended: ShoalError | null = null

  const pending = createPendingSteps(clock, {
    hiddenSize,
    deadlineMs: (rows) => stepDeadlineMs(route, rows, times),
    overdue: (step) => void stepOverdue(step),
  })

  /** Ends the session: what is under way fails with `error`, and every stage is told to free it. */
  const end = (error: ShoalError): void => {
    if (ended !== null) return
    ended = error
    closing.abort(error)
    signal?.removeEventListener('abort', onAbort)
    links.leave(session)
    pending.rejectAll(error)
    freeStages()
  }

  /** What the frames do not reach, the leases free. */
  const freeStages = (): void => {
    for (const { link } of stages) closeStage(link, null)
  }

  const onAbort = (): void => end(reasonOf(signal!))

  /** The one place where a route is repaired. */
  const onStageLost = (error: StageError): void => {
    if (ended !== null) return
    logger.warn('stage-lost', { session, peer: error.peer, code: error.code, reason: error.message })
    options.onStageLost?.(error)
    if (options.routes === undefined || !losses.movable(error)) {
      end(error)
      return
    }
    losses.add(error)
    if (repair.active) repair.abort(error)
    else repair.start(options.routes)
  }

  const requests = (along: Route, of: number, open: ReadonlySet<RouteStage> = new Set()): OpenRequest[] =>
    requestsFor({ ...options, route: along }, transport.peerId, transport.addresses(), of, open)
  const nextEpoch = (): number => (epochs += 1)
  const parts = { session, clock, logger, transport, links, times, losses, patience, classes, requests }

  const { routes } = options
  const relocation = createRelocation({
    ...parts,
    nextEpoch,
    signal: closing.signal,
    stages: () => stages,
    find:
      routes === undefined
        ? null
        : (range, exclude) => routes.find(range, exclude, { lost: losses.lost, classes: classes.byBlock }),
    reroute: () => (repair.active || routes === undefined ? undefined : repair.start(routes)),
    findSilent: (among, until) => findSilent(context, among, times.suspectPingMs, until),
    stageLost: (error) => onStageLost(error),
    stepsUnderWay: () => pending.size,
    busy: () => repair.active,
    abort: (error) => repair.abort(error),
  })

  const repair = createRouteRepair({
    ...parts,
    range: options.range,
    relocation,
    end,
    closed: closing.signal,
    route: () => route,
    stages: () => stages,
    bump: () => (epoch = nextEpoch()),
    goOn: (next) => goOn(next),
    closeStage: ({ link }) => closeStage(link, null),
  })

  const closeStage = (link: OpenStage['link'], start: number | null): void => {
    link.outbox.post({ type: 'close', session, start })
    link.release()
  }

  /** Takes a new version of the route, and has every sender send what the next one lacks. */
  const goOn = ({ route: planned, stages: opened, move, repaired, pausedMs }: NewRoute): void => {
    const replaced = repaired || stages.some(({ stage }) => stage !== move?.from && !planned.includes(stage))
    if (move !== null) moves += 1
    if (replaced) failovers += 1
    for (const { stage, link } of stages) {
      // A peer that was lost may have come back to the same blocks: the session there is the new one.
      if (planned.some(({ peer, range }) => peer === stage.peer && range.start === stage.range.start))
        link.release()
      else closeStage(link, stage.range.start)
    }
    route = planned
    stages = opened
    classes.add(opened)
    const settled = pending.oldest?.position ?? journal.length
    const kept = keptAlong(
      journal.steps,
      opened.map(({ progress }) => progress),
    )
    for (const [index, { stage, link }] of opened.entries()) {
      link.outbox.post({
        type: 'replay',
        session,
        start: stage.range.start,
        epoch,
        length: kept[index]!,
        from: kept[index + 1] ?? settled,
        settled,
      })
    }
    const chunks = replayChunks(journal.steps, kept[0]!, settled)
    for (const chunk of chunks) sendRows(chunk, false)
    // As it was: a move came to nothing.
    const otherwise = move === null ? 'route-kept' : 'route-moved'
    logger.info(replaced ? 'route-repaired' : otherwise, {
      session,
      epoch,
      kept,
      rows: journal.length,
      pausedMs,
      stages: opened.map(({ stage }) => nameStage(stage)),
    })
    // Whatever has to be computed again comes before the answer to the oldest step.
    pending.allow(stepDeadlineMs(route, Math.max(1, journal.length - Math.min(...kept)), times))
    relocation.rerouted()
  }

  const stepOverdue = async (step: PendingStep): Promise<void> => {
    // Its time starts again when the route is repaired.
    if (repair.active) return
    const asked = epoch
    const extension = extensions.get(step) ?? 0
    const verdict = await judgeLateStep(context, route, step, extension, closing.signal)
    // It was answered while we asked.
    if (ended !== null || repair.active || epoch !== asked || pending.oldest !== step) return
    if (verdict.kind === 'lost') for (const error of verdict.errors) onStageLost(error)
    else if (verdict.kind === 'stuck') end(verdict.error)
    else {
      logger.warn('step-slow', { session, step: step.step, extension, moreMs: Math.round(verdict.moreMs) })
      extensions.set(step, extension + 1)
      pending.allow(verdict.moreMs)
    }
  }

  const receiveFailed = (message: SessionFailed): void => {
    // It was overtaken by a newer route; nothing is lost.
    if (message.code === 'stale-epoch' || message.epoch !== epoch) return
    const { error, ours } = accused(route, message)
    if (error !== null) (ours ? end : onStageLost)(error)
  }

  const receive = (peer: string, message: SessionMessage, payload: Uint8Array): void => {
    if (relocation.receive(peer, message)) return
    const opening = first ?? repair.opening
    if (message.type === 'opened') opening?.receive(peer, message)
    else if (message.type === 'failed') {
      if (opening === null) receiveFailed(message)
      else opening.receive(peer, message)
    } else if (message.type === 'result') {
      const last = route.at(-1)!
      if (peer !== last.peer || message.epoch !== epoch) return
      try {
        pending.answer(message, payload)
        losses.progress()
        patience.reset()
        relocation.answered()
      } catch (error) {
        onStageLost(new StageError(last, 'bad-frame', messageOf(error), { cause: error }))
      }
    }
  }

  const lost = (peer: string, error: Error | undefined): void => {
    relocation.lost(peer, error)
    const opening = first ?? repair.opening
    opening?.lost(peer, error)
    const stage = route.find((candidate) => candidate.peer === peer)
    if ((opening === null || repair.active) && stage !== undefined) onStageLost(lossOf(stage, error))
  }

  /** Sends one step. Everything up to the send happens in the caller's turn, so that calls keep their order. */
  const sendStep = (
    hidden: Float32Array,
    rows: number,
    want: ForwardOptions['want'],
    rewind: boolean,
  ): Promise<Float32Array> => {
    const step = steps
    const position = journal.length
    steps += 1
    journal.append(step, hidden, want)
    const answered = pending.add({ step, position, rows, want })
    // While the route is repaired it waits in the journal.
    if (!repair.active) sendRows({ step, position, rows, want }, rewind)
    return answered
  }

  const sendRows = ({ step, position, rows, want }: JournalStep, rewind: boolean): void => {
    const { stage, link } = stages[0]!
    const sent = epoch
    const head = encodeSession({
      type: 'step',
      session,
      start: stage.range.start,
      epoch,
      position,
      rows,
      step,
      rewind,
      want,
    })
    link.outbox
      .send(() => {
        if (epoch !== sent) throw new ShoalError('stale-epoch', 'the route was replaced')
        return [...head, ...journal.views(position, position + rows).map(bytesOf)]
      })
      .catch((error: unknown) => {
        if (epoch === sent)
          onStageLost(lossOf(stage, error instanceof Error ? error : new Error(messageOf(error))))
      })
  }

  const forward = async (
    hidden: Float32Array,
    { want, position = journal.length, signal: stepSignal }: ForwardOptions,
  ): Promise<Float32Array> => {
    if (ended !== null) throw ended
    throwIfAborted(stepSignal)
    const rows = checkForward(
      { hiddenSize, length: journal.length, pending: pending.size, tokenBudget, rowsMax },
      hidden,
      position,
    )
    const rewinds = position < journal.length
    if (rewinds) journal.truncate(position)
    const answers: Promise<Float32Array>[] = []
    for (let from = 0; from < rows; from += rowsMax) {
      const to = Math.min(rows, from + rowsMax)
      const wantHere = want === 'last' && to < rows ? 'none' : want
      answers.push(
        sendStep(
          hidden.subarray(from * hiddenSize, to * hiddenSize),
          to - from,
          wantHere,
          rewinds && from === 0,
        ),
      )
    }
    return joinRows(await orAborted(Promise.all(answers), stepSignal))
  }

  links.join(session, { receive, lost })
  signal?.addEventListener('abort', onAbort, { once: true })
  const { waitForRoomMs } = options
  const opening = createOpening(
    context,
    requests(route, epoch),
    waitForRoomMs === undefined
      ? undefined
      : {
          ms: waitForRoomMs,
          findSilent: (among, until) => findSilent(context, among, times.suspectPingMs, until),
        },
  )
  first = opening
  try {
    stages = await opening.run(closing.signal)
  } catch (error) {
    end(error instanceof ShoalError ? error : new ShoalError('internal', messageOf(error), { cause: error }))
    throw error
  }
  first = null
  if (closing.signal.aborted) {
    freeStages()
    throw reasonOf(closing.signal)
  }

  classes.add(stages)
  // Stages of several classes are one model still; the class matters when a stage is replaced.
  logger.debug('session-started', {
    session,
    stages: stages.map(({ stage, numericClass }) => `${nameStage(stage)}: ${numericClass}`),
  })
  if (opening.failure !== null) onStageLost(opening.failure)
  relocation.rerouted()

  return {
    get length() {
      return journal.length
    },
    forward,
    route: () =>
      route.map(({ peer, range }, index) => ({
        peer,
        start: range.start,
        end: range.end,
        ranks: stages[index]?.ranks ?? 1,
      })),
    get failovers() {
      return failovers
    },
    get moves() {
      return moves
    },
    get continuity() {
      return classes.continuity
    },
    async close() {
      end(new ShoalError('cancelled', 'the session was closed'))
    },
  }
}
