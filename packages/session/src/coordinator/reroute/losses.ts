import { asShoalError, isMovable, isUnanswered, messageOf, ShoalError } from '@shoal/host'
import { sessionLimits } from '../../route/limits.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/** Nobody has the blocks now; somebody may soon. */
export function nobodyNow(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'no-route'
}

/** Which peers a session has lost, and how it goes on without them. */
export interface Losses {
  /** Peers, with the incarnation that was lost. */
  readonly lost: ReadonlyMap<string, number>
  /** Peers that have no room now: they are not asked for more blocks. */
  readonly full: ReadonlySet<string>
  /** Whether another peer could do better. Counts those whose rows are refused: a third in a row for the same block says the model is at fault. */
  movable(error: StageError): boolean
  add(error: StageError): void
  /**
   * It did not open. A survivor (one of `open`) that cannot go on is lost; one that has no room for more blocks may
   * still have its own, and is only not asked for more.
   */
  refuse(error: StageError, open: readonly { readonly stage: RouteStage }[]): void
  /** Time has passed: those without room may have it now. */
  forgive(): void
  /** A route is in use: whoever is on it is not lost. */
  settle(route: Route): void
  /** A step was answered: the route works. */
  progress(): void
  /** @throws {ShoalError} when there were too many in a row for a route of so many stages */
  countAttempt(stages: number): void
  /** What ends the session: the loss that could not be repaired, and why. */
  final(reason: unknown): ShoalError
}

export function createLosses(): Losses {
  /** With the incarnation that was lost: it cannot be known what that one still has of the session. */
  const lost = new Map<string, number>()
  const full = new Set<string>()
  let attempts = 0
  /** By block. */
  const spoilt = new Map<number, number>()
  let last: StageError | null = null

  const add = (error: StageError): void => {
    lost.set(error.peer, Math.max(lost.get(error.peer) ?? 0, error.incarnation ?? Number.MAX_SAFE_INTEGER))
    last = error
  }

  return {
    lost,
    full,
    movable(error) {
      const { start, end } = error.range
      let most = 0
      for (let block = start; error.code === 'bad-frame' && block < end; block += 1) {
        const times = (spoilt.get(block) ?? 0) + 1
        spoilt.set(block, times)
        most = Math.max(most, times)
      }
      return isMovable(error.code, 'running') && most <= sessionLimits.maxSpoilt
    },
    add,
    refuse(error, open) {
      if (
        isUnanswered(error.code) ||
        open.some(({ stage }) => stage.peer === error.peer && stage.range.start === error.range.start)
      ) {
        add(error)
        return
      }
      full.add(error.peer)
      last ??= error
    },
    forgive: () => full.clear(),
    settle(route) {
      for (const { peer } of route) lost.delete(peer)
    },
    progress() {
      attempts = 0
      spoilt.clear()
      full.clear()
    },
    countAttempt(stages) {
      attempts += 1
      if (attempts > stages * sessionLimits.maxRepairsPerStage)
        throw new ShoalError('peer-vanished', `the route was lost ${attempts} times in a row`)
    },
    final(reason) {
      if (last === null) return asShoalError(reason)
      const what = last.message.slice(nameStage(last).length + 2)
      const code = nobodyNow(reason) ? 'no-route' : last.code
      return new StageError(last, code, `${what}; it cannot be replaced: ${messageOf(reason)}`, {
        definite: last.definite,
        cause: reason,
      })
    },
  }
}
