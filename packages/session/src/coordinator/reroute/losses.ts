import { asShoalError, isMovable, isUnanswered, messageOf, ShoalError } from '@shoal/host'
import { sessionLimits } from '../../route/limits.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/** Whether nobody holds the blocks now. Somebody may soon. */
export function nobodyNow(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'no-route'
}

/** Remembers which peers a session has lost, and when to give up. */
export interface Losses {
  /** Lost peers with the incarnation that was lost. */
  readonly lost: ReadonlyMap<string, number>
  /** Peers that have no room now: they are not asked for more blocks. */
  readonly full: ReadonlySet<string>
  /**
   * Whether another peer could do better. Refused rows are counted by block: when the rows of a third peer in a row are
   * refused for the same block, the model is at fault.
   */
  movable(error: StageError): boolean
  add(error: StageError): void
  /**
   * A stage did not open. When it is gone, or a survivor (one of `open`) that cannot go on, it is lost. A peer that has
   * no room for more blocks may still have its own, so it is only not asked for more.
   */
  refuse(error: StageError, open: readonly { readonly stage: RouteStage }[]): void
  /** Time has passed, so peers without room may have some now. */
  forgive(): void
  /** A version is in use, so the peers on it are not lost. */
  settle(route: Route): void
  /** A step was answered, so the route works. */
  progress(): void
  /** Counts an attempt to repair the route. @throws {ShoalError} `peer-vanished` after too many in a row for so many stages */
  countAttempt(stages: number): void
  /** The error that ends the session: the last loss, and why it could not be repaired. */
  final(reason: unknown): ShoalError
}

export function createLosses(): Losses {
  // The incarnation counts, since nobody knows what a lost one still has of the session.
  const lost = new Map<string, number>()
  const full = new Set<string>()
  let attempts = 0
  /** For each block, how often its rows were refused since the last answered step. */
  const refusals = new Map<number, number>()
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
        const times = (refusals.get(block) ?? 0) + 1
        refusals.set(block, times)
        most = Math.max(most, times)
      }
      return isMovable(error.code, 'running') && most <= sessionLimits.maxRefusedInARow
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
      refusals.clear()
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
