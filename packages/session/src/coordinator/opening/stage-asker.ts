import { asShoalError, orAborted, ShoalError, throwIfAborted } from '@shoal/host'
import type { SessionFailed, SessionOpened } from '@shoal/protocol'
import { StageError } from '../../route/stage-error.ts'
import type { CoordinatorLinks, StageLink } from '../stage-links.ts'
import { atStage } from './accusations.ts'
import type { OpenRequest, OpenStage } from './opening-stages.ts'

/** Sends `open` to stages and matches their answers to the requests. */
export interface StageAsker {
  /** Requests without an answer. */
  readonly unanswered: readonly OpenRequest[]
  /**
   * Asks one stage.
   * @param waitMs how long the request may wait there for memory; absent when the stage refuses at once
   * @throws {StageError} @throws the signal's reason
   */
  ask(request: OpenRequest, signal: AbortSignal, waitMs?: number): Promise<OpenStage>
  opened(peer: string, message: SessionOpened): void
  /** Handles a refusal. @returns whether it was for lack of room and answers a request */
  refused(message: SessionFailed, error: StageError): boolean
  /** Releases the channel of a request, and closes the session at its stage if the request was fresh. */
  leave(request: OpenRequest, link: StageLink): void
}

interface Waiter {
  readonly request: OpenRequest
  resolve(opened: SessionOpened): void
  reject(error: unknown): void
}

export function createStageAsker(links: CoordinatorLinks): StageAsker {
  /** Keyed by first block, since one peer may be asked for two stages of the route. */
  const waiting = new Map<number, Waiter>()
  /** Requests without an answer, those whose peer is still being dialled included. */
  const unanswered = new Set<OpenRequest>()

  const leave = ({ fresh, message: { session, start } }: OpenRequest, link: StageLink): void => {
    if (fresh) link.closeSession({ session, start })
    link.release()
  }

  return {
    get unanswered() {
      return [...unanswered]
    },
    leave,
    async ask(request, signal, waitMs) {
      const { stage, message } = request
      let link: StageLink
      unanswered.add(request)
      try {
        link = await links.connect(stage.peer, stage.addresses, signal)
      } catch (error) {
        unanswered.delete(request)
        throw signal.aborted ? signal.reason : atStage(stage, error)
      }
      try {
        // If the session was closed meanwhile, its stages were sent `close`: an `open` now would open it again.
        throwIfAborted(signal)
        const answered = new Promise<SessionOpened>((resolve, reject) =>
          waiting.set(message.start, { request, resolve, reject }),
        )
        link.outbox.post(waitMs === undefined ? message : { ...message, waitMs })
        const opened = await orAborted(answered, signal)
        const { numericClass, ranks = 1, length, lastStep, journalFrom = 0 } = opened
        return { stage, link, numericClass, ranks, progress: { length, lastStep, journalFrom } }
      } catch (error) {
        leave(request, link)
        throw signal.aborted ? signal.reason : atStage(stage, error)
      } finally {
        waiting.delete(message.start)
        unanswered.delete(request)
      }
    },
    opened(peer, message) {
      const waiter = waiting.get(message.start)
      if (waiter === undefined) return
      const { stage, message: asked } = waiter.request
      if (peer !== stage.peer || message.epoch !== asked.epoch) return
      if (message.incarnation === stage.incarnation) waiter.resolve(message)
      else {
        const sentence = `the route names its incarnation ${stage.incarnation}, but incarnation ${message.incarnation} answered`
        waiter.reject(new StageError(stage, 'not-ready', sentence))
      }
    },
    refused(message, error) {
      const waiter = waiting.get(message.start)
      if (waiter === undefined || !isPassingShortage(error)) return false
      waiter.reject(error)
      return true
    },
  }
}

/** Whether a stage refused because its memory is in use now, and sessions that end will free enough. */
export function isPassingShortage(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'no-capacity' && !error.definite
}

/** Opens all of these stages at the same time, or none of them. */
export async function openTogether(
  asker: StageAsker,
  requests: readonly OpenRequest[],
  signal: AbortSignal,
): Promise<OpenStage[]> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  let failure: unknown
  const openings = requests.map((request) =>
    asker.ask(request, either).catch((error: unknown) => {
      failure ??= error
      failed.abort(asShoalError(error))
      return null
    }),
  )
  const opened = await Promise.all(openings)
  if (failure === undefined) return opened.filter((stage) => stage !== null)
  for (const [index, stage] of opened.entries()) if (stage !== null) asker.leave(requests[index]!, stage.link)
  throw failure
}
