import { isErrorCode, messageOf, ShoalError, type Clock, orAborted, throwIfAborted } from '@shoal/host'
import type { OpenSession, SessionFailed, SessionOpened } from '@shoal/protocol'
import type { CoordinatorLinks } from '../stage-links.ts'
import type { StageProgress } from '../../route/replay-rules.ts'
import type { SessionTimes } from '../../route/limits.ts'
import type { ChannelUse } from '../../channels/peer-channels.ts'
import { StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/** A stage that has made room. */
export interface OpenStage {
  readonly stage: RouteStage
  readonly link: ChannelUse
  readonly numericClass: string
  readonly ranks: number
  readonly progress: StageProgress
}

export interface OpenRequest {
  readonly stage: RouteStage
  /** False for a stage that is open already and is given new neighbours: it keeps the session when the others refuse. */
  readonly fresh: boolean
  readonly message: OpenSession
}

/** Stages that have been asked for room and have not all answered. */
export interface Opening {
  /** Opens all of them at once. When one cannot, those that are fresh are closed again and its error is thrown. */
  run(signal: AbortSignal): Promise<OpenStage[]>
  receive(peer: string, message: SessionOpened | SessionFailed): void
  lost(peer: string, error: Error | undefined): void
  /** What stopped it; also after `run` has resolved and before its caller has had its turn. */
  readonly failure: StageError | null
}

interface Waiter {
  readonly request: OpenRequest
  resolve(opened: SessionOpened): void
  reject(error: unknown): void
}

export function createOpening(
  dependencies: { readonly clock: Clock; readonly links: CoordinatorLinks; readonly times: SessionTimes },
  requests: readonly OpenRequest[],
): Opening {
  const { clock, links, times } = dependencies
  const waiting = new Map<number, Waiter>()
  /** Ends the opening: waiting for the others would only delay the bad news. */
  const stop = new AbortController()

  const openOne = async (request: OpenRequest, signal: AbortSignal): Promise<OpenStage> => {
    const { stage, message } = request
    let link: ChannelUse
    try {
      link = await links.connect(stage.peer, stage.addresses, signal)
    } catch (error) {
      throw signal.aborted ? signal.reason : atStage(stage, error)
    }
    try {
      // A session that was closed meanwhile has said so to its stages: an 'open' behind that would open it again.
      throwIfAborted(signal)
      const answered = new Promise<SessionOpened>((resolve, reject) =>
        waiting.set(message.start, { request, resolve, reject }),
      )
      link.outbox.post(message)
      const { numericClass, ranks = 1, length, lastStep, journalFrom = 0 } = await orAborted(answered, signal)
      return { stage, link, numericClass, ranks, progress: { length, lastStep, journalFrom } }
    } catch (error) {
      leave(request, link)
      throw signal.aborted ? signal.reason : atStage(stage, error)
    } finally {
      waiting.delete(message.start)
    }
  }

  const leave = ({ fresh, message: { session, start } }: OpenRequest, link: ChannelUse): void => {
    if (fresh) link.outbox.post({ type: 'close', session, start })
    link.release()
  }

  return {
    get failure() {
      const reason: unknown = stop.signal.reason
      return reason instanceof StageError ? reason : null
    },
    async run(signal) {
      const timer = clock.after(times.openTimeoutMs, () => {
        const silent = [...waiting.values()].map(({ request }) => request.stage)
        const [first] = silent.length > 0 ? silent : requests.map(({ stage }) => stage)
        stop.abort(
          new StageError(first!, 'deadline-passed', `no answer to 'open' within ${times.openTimeoutMs} ms`),
        )
      })
      let failure: unknown
      const openings = requests.map((request) =>
        openOne(request, AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
          failure ??= error
          stop.abort(
            error instanceof ShoalError
              ? error
              : new ShoalError('internal', messageOf(error), { cause: error }),
          )
          return null
        }),
      )
      const opened = await Promise.all(openings)
      timer.cancel()
      if (failure === undefined) return opened.filter((stage) => stage !== null)
      for (const [index, stage] of opened.entries()) if (stage !== null) leave(requests[index]!, stage.link)
      throw failure
    },
    receive(peer, message) {
      if (message.type === 'failed') {
        // Steps of the route before this one, which its stages drop now.
        if (message.code === 'stale-epoch' || message.epoch !== requests[0]!.message.epoch) return
        // It may be about a stage that has answered already: one that its neighbour cannot reach.
        const { error } = accused(
          requests.map(({ stage }) => stage),
          message,
        )
        if (error !== null) stop.abort(error)
        return
      }
      const waiter = waiting.get(message.start)
      if (waiter === undefined) return
      const { stage, message: asked } = waiter.request
      if (peer !== stage.peer || message.epoch !== asked.epoch) return
      if (message.incarnation !== stage.incarnation) {
        waiter.reject(
          new StageError(
            stage,
            'not-ready',
            `the route was made for incarnation ${stage.incarnation}, incarnation ${message.incarnation} answers`,
          ),
        )
        return
      }
      waiter.resolve(message)
    },
    lost(peer, error) {
      // One that has answered already counts too: the route would be used without it.
      const request = requests.find(({ stage }) => stage.peer === peer)
      if (request !== undefined) stop.abort(lossOf(request.stage, error))
    },
  }
}

/**
 * Whom a stage's report is about: a stage speaks of itself or of the next one, and `start` says of which. Rows that are
 * no numbers, or of another shape, were made by the stage before the one that refuses them.
 * @returns `ours` when the coordinator's own rows were refused: no other stage would take them
 */
export function accused(
  route: Route,
  message: SessionFailed,
): { readonly error: StageError | null; readonly ours: boolean } {
  const index = route.findIndex(({ range }) => range.start === message.start)
  const [before, stage] = [route[index - 1], route[index]]
  if (stage === undefined) return { error: null, ours: false }
  const said = failureOf(stage, message)
  if (said.code !== 'bad-frame' || before === undefined)
    return { error: said, ours: said.code === 'bad-frame' }
  return {
    error: new StageError(before, 'bad-frame', message.message, { definite: message.definite, cause: said }),
    ours: false,
  }
}

/** A stage's own words as an error. A code of a newer peer is `internal` here. */
export function failureOf(stage: RouteStage, message: SessionFailed): StageError {
  return new StageError(stage, isErrorCode(message.code) ? message.code : 'internal', message.message, {
    definite: message.definite,
  })
}

/** The channel to a stage has ended: by the stage, or by us because of what it sent. */
export function lossOf(stage: RouteStage, error: Error | undefined): StageError {
  if (error === undefined) return new StageError(stage, 'peer-vanished', 'it closed its channel')
  return new StageError(stage, error instanceof ShoalError ? error.code : 'peer-vanished', error.message, {
    definite: false,
    cause: error,
  })
}

function atStage(stage: RouteStage, error: unknown): StageError {
  if (error instanceof StageError) return error
  if (error instanceof ShoalError)
    return new StageError(stage, error.code, error.message, { definite: error.definite, cause: error })
  return new StageError(stage, 'internal', messageOf(error), { cause: error })
}
