import { sleep } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { sessionLimits } from '../../route/limits.ts'
import { StageError } from '../../route/stage-error.ts'
import type { OpenRequest, OpeningDependencies, OpenStage, RoomWait } from './opening-stages.ts'
import { isPassingShortage, type StageAsker } from './stage-asker.ts'

export interface WaitingOpening extends Omit<OpeningDependencies, 'links'> {
  readonly asker: StageAsker
  /** Ends the opening with an error. */
  readonly stop: AbortController
  /** Aborted by `stop`, or by the caller. */
  readonly signal: AbortSignal
}

/**
 * Opens a route at stages that may have no room now. While the opening waits for room at one stage, it holds the room
 * that it got at others. To prevent a deadlock between sessions, all coordinators go through the peers in the same
 * order, that of their ids (resource ordering).
 */
export async function openInOrder(
  context: WaitingOpening,
  requests: readonly OpenRequest[],
  wait: RoomWait,
): Promise<OpenStage[]> {
  const { clock, times, asker, signal } = context
  const untilMs = clock.nowMs() + wait.ms
  const over = new AbortController()
  watchSilence(context, wait, over.signal).catch(() => undefined)
  const longestMs = wait.ms + times.openTimeoutMs
  const timer = clock.after(longestMs, () => {
    const { stage } = asker.unanswered[0] ?? requests[0]!
    context.stop.abort(new StageError(stage, 'deadline-passed', `no answer to 'open' within ${longestMs} ms`))
  })

  const opened = new Map<OpenRequest, OpenStage>()
  try {
    for (const group of byPeer(requests)) {
      const stages = await openPeer(context, group, untilMs)
      for (const [index, stage] of stages.entries()) opened.set(group[index]!, stage)
    }
    signal.throwIfAborted()
    return requests.map((request) => opened.get(request)!)
  } catch (error) {
    for (const [request, { link }] of opened) asker.leave(request, link)
    throw error
  } finally {
    timer.cancel()
    over.abort()
  }
}

/** The requests to each peer, in the order of the peers' ids. */
function byPeer(requests: readonly OpenRequest[]): OpenRequest[][] {
  const groups = Map.groupBy(requests, ({ stage }) => stage.peer)
  return [...groups].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, group]) => group)
}

/**
 * Opens all stages of the route at one peer, one after the other. Only the first may wait for room: a session that held
 * room for one stage and waited for more at the same peer could block the sessions that it waits for.
 */
async function openPeer(
  { clock, asker, signal }: WaitingOpening,
  group: readonly OpenRequest[],
  untilMs: number,
): Promise<OpenStage[]> {
  for (let attempt = 1; ; attempt += 1) {
    const leftMs = Math.min(limits.maxOpenWaitMs, Math.max(1, Math.ceil(untilMs - clock.nowMs())))
    const opened: OpenStage[] = []
    try {
      for (const request of group)
        opened.push(await asker.ask(request, signal, opened.length === 0 ? leftMs : undefined))
      return opened
    } catch (error) {
      for (const [index, { link }] of opened.entries()) asker.leave(group[index]!, link)
      const partly = opened.length > 0 && isPassingShortage(error) && clock.nowMs() < untilMs
      if (signal.aborted || !partly) throw error
      await sleep(clock, retryPauseMs(group[0]!.message.session, attempt), signal)
    }
  }
}

/**
 * Pause before the stages at one peer are tried again. Two sessions that each got room for only some of their stages
 * must not retry in step for ever, so the pause doubles, and differs by session (its id is random) and attempt.
 */
function retryPauseMs(session: string, attempt: number): number {
  let hash = attempt
  for (const character of session) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0
  return sessionLimits.roomRetryMs * Math.min(8, 2 ** (attempt - 1)) * (0.2 + hash / 2 ** 32)
}

/**
 * Pings the stages that have not answered, and stops the opening when one is silent: a hung process keeps its
 * connection open and would never answer.
 */
async function watchSilence(
  { clock, times, asker, stop }: WaitingOpening,
  wait: RoomWait,
  over: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(clock, times.keepAliveMs, over)
    const stages = asker.unanswered.map(({ stage }) => stage)
    const [silent] = await wait.findSilent(stages, over)
    if (over.aborted) return
    if (silent === undefined) continue
    stop.abort(new StageError(silent, 'deadline-passed', 'it answers no ping while a session waits there'))
    return
  }
}
