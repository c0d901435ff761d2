import { asShoalError, type Clock } from '@shoal/host'
import type { OpenSession, SessionFailed, SessionOpened } from '@shoal/protocol'
import type { SessionTimes } from '../../route/limits.ts'
import type { StageProgress } from '../../route/replay-rules.ts'
import { StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'
import type { CoordinatorLinks, StageLink } from '../stage-links.ts'
import { accused, lossOf } from './accusations.ts'
import { openInOrder } from './open-in-order.ts'
import type { OthersServe } from './others-serve.ts'
import { createStageAsker, openTogether } from './stage-asker.ts'

/** A stage that has reserved memory for the session. */
export interface OpenStage {
  readonly stage: RouteStage
  readonly link: StageLink
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

/** Stages that have been asked to open a session and have not all answered. */
export interface Opening {
  /**
   * Opens all stages, or none: when one cannot open, the fresh ones among the others are closed again.
   * @throws {StageError} the first failure @throws the signal's reason
   */
  run(signal: AbortSignal): Promise<OpenStage[]>
  receive(peer: string, message: SessionOpened | SessionFailed): void
  lost(peer: string, error: Error | undefined): void
  /**
   * The failure that ended the opening. It may also come after `run` has resolved, before the caller of `run`
   * continues.
   */
  readonly failure: StageError | null
}

export interface OpeningDependencies {
  readonly clock: Clock
  readonly links: CoordinatorLinks
  readonly times: SessionTimes
  /** Whether a stage that does not answer can be replaced. */
  readonly othersServe: OthersServe
}

/** How an opening waits for memory that other sessions will free. */
export interface RoomWait {
  /** Longest wait in milliseconds, for all stages of the route together. */
  readonly ms: number
  /** Resolves to those of `stages` that answer no ping, so that a hung stage is not waited for. */
  findSilent(stages: Route, signal: AbortSignal): Promise<Route>
}

/** @param wait absent when a stage without room refuses at once */
export function createOpening(
  dependencies: OpeningDependencies,
  requests: readonly OpenRequest[],
  wait?: RoomWait,
): Opening {
  /** Ends the opening: once one stage has refused, waiting for the others would only delay the error. */
  const stop = new AbortController()
  const asker = createStageAsker(dependencies.links)

  const openAtOnce = async (signal: AbortSignal): Promise<OpenStage[]> => {
    const { clock, times, othersServe } = dependencies
    const giveUp = ({ stage }: OpenRequest, waitedMs: number): void => {
      const sentence = `no answer to 'open' within ${waitedMs / 1000} s`
      stop.abort(new StageError(stage, 'deadline-passed', sentence))
    }
    const suspected = clock.after(times.openSuspectMs, () => {
      // Only the last stage is suspected: those before it may be waiting for their next hop.
      const last = asker.unanswered.at(-1)
      if (last === undefined) return
      othersServe(last.stage).then(
        (replaceable) => {
          if (replaceable && asker.unanswered.includes(last)) giveUp(last, times.openSuspectMs)
        },
        (error: unknown) => stop.abort(asShoalError(error)),
      )
    })
    const latest = clock.after(times.openTimeoutMs, () =>
      giveUp(asker.unanswered[0] ?? requests[0]!, times.openTimeoutMs),
    )
    return openTogether(asker, requests, signal).finally(() => {
      suspected.cancel()
      latest.cancel()
    })
  }

  return {
    get failure() {
      const reason: unknown = stop.signal.reason
      return reason instanceof StageError ? reason : null
    },
    run(signal) {
      const either = AbortSignal.any([signal, stop.signal])
      if (wait === undefined) return openAtOnce(either)
      return openInOrder({ ...dependencies, asker, stop, signal: either }, requests, wait)
    },
    receive(peer, message) {
      if (message.type === 'opened') {
        asker.opened(peer, message)
        return
      }
      // The report is about a step of the former route version, which is being replaced.
      if (message.code === 'stale-epoch' || message.epoch !== requests[0]!.message.epoch) return
      // The report may be about a stage that has answered `opened` already, but that the stage before it cannot reach.
      const { error } = accused(
        requests.map(({ stage }) => stage),
        message,
      )
      if (error !== null && !(wait !== undefined && asker.refused(message, error))) stop.abort(error)
    },
    lost(peer, error) {
      // Stages that have answered `opened` already are included: otherwise the route would be installed with a lost
      // stage.
      const request = requests.find(({ stage }) => stage.peer === peer)
      if (request !== undefined) stop.abort(lossOf(request.stage, error))
    },
  }
}
