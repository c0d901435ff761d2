import { asShoalError, isMovable, isUnanswered, messageOf, ShoalError } from '@shoal/host'
import { sessionLimits } from '../../route/limits.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import { isPassingShortage } from '../opening/stage-asker.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/** Whether an error says that no peer holds the blocks now. A peer may load them soon, so the session can wait. */
export function nobodyNow(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'no-route'
}

/** Records which peers a session has lost, and decides when repairing is given up. */
export interface Losses {
  /** Lost peers with the incarnation that was lost. */
  readonly lost: ReadonlyMap<string, number>
  /**
   * Peers that refused to open a stage, usually for lack of room. They are not asked for blocks until `forgive` or
   * `progress`.
   */
  readonly full: ReadonlySet<string>
  /** Whether one of them refused because sessions that are open now use its memory. */
  readonly crowded: boolean
  /**
   * Stages at which the session was closed while it waited: leaving ones, or all when others wait for its room. The peers
   * of these stages may serve the same or other blocks of the route.
   */
  readonly givenUp: Set<RouteStage>
  /**
   * Whether the session may continue on another peer. A call with `bad-frame` also counts the refused rows of each
   * block: when a third peer in a row sends bad rows for the same block, the model is at fault and the answer is no.
   */
  movable(error: StageError): boolean
  add(error: StageError): void
  /**
   * Records that a stage did not open. The stage is lost when its peer gave no answer, or when it is a survivor (a
   * stage in `open`). Any other peer that refuses may still serve other blocks of the route, so it only joins `full`.
   */
  refuse(error: StageError, open: readonly { readonly stage: RouteStage }[]): void
  /** Empties `full`: time has passed, so these peers may have room now. */
  forgive(): void
  /** Forgets that the peers of `route` were lost, and who was given up, since a version without these losses is in use. */
  settle(route: Route): void
  /** Resets all counts and `full`, since an answered step shows that the route works. */
  progress(): void
  /** Counts an attempt to repair the route. @throws {ShoalError} `peer-vanished` after too many in a row for so many stages */
  countAttempt(stages: number): void
  /** The error that ends the session: the last loss, and why it could not be repaired. */
  final(reason: unknown): ShoalError
}

export function createLosses(): Losses {
  // Incarnations are kept, because a new incarnation of a lost peer has nothing of the session and may be used.
  const lost = new Map<string, number>()
  const givenUp = new Set<RouteStage>()
  const refusing = createRefusing()
  let attempts = 0
  const refusals = createRefusals()
  let last: StageError | null = null

  const add = (error: StageError): void => {
    lost.set(error.peer, Math.max(lost.get(error.peer) ?? 0, error.incarnation ?? Number.MAX_SAFE_INTEGER))
    last = error
  }

  return {
    lost,
    full: refusing.peers,
    get crowded() {
      return refusing.crowded
    },
    givenUp,
    movable(error) {
      const most = error.code === 'bad-frame' ? refusals.count(error) : 0
      return isMovable(error.code, 'running') && most <= sessionLimits.maxRefusedInARow
    },
    add,
    refuse(error, open) {
      if (
        isUnanswered(error.code) ||
        open.some(
          ({ stage }) =>
            !givenUp.has(stage) && stage.peer === error.peer && stage.range.start === error.range.start,
        )
      ) {
        add(error)
        return
      }
      refusing.add(error)
      last ??= error
    },
    forgive: () => refusing.clear(),
    settle(route) {
      for (const { peer } of route) lost.delete(peer)
      givenUp.clear()
    },
    progress() {
      attempts = 0
      refusals.clear()
      refusing.clear()
    },
    countAttempt(stages) {
      attempts += 1
      if (attempts > stages * sessionLimits.maxRepairsPerStage)
        throw new ShoalError(
          'peer-vanished',
          `the route needed repair ${attempts} times in a row, without an answer in between`,
        )
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

/** Peers that refused to open a stage, and whether one of them did because other sessions use its memory. */
function createRefusing() {
  const peers = new Set<string>()
  let crowded = false
  return {
    peers,
    get crowded() {
      return crowded
    },
    add(error: StageError): void {
      peers.add(error.peer)
      if (isPassingShortage(error)) crowded = true
    },
    clear(): void {
      peers.clear()
      crowded = false
    },
  }
}

/** For each block, how often its rows were refused since the last answered step. */
function createRefusals() {
  const times = new Map<number, number>()
  return {
    /** @returns how often the rows of one of these blocks have been refused, at most */
    count({ range }: StageError): number {
      let most = 0
      for (let block = range.start; block < range.end; block += 1) {
        const refused = (times.get(block) ?? 0) + 1
        times.set(block, refused)
        most = Math.max(most, refused)
      }
      return most
    },
    clear: () => times.clear(),
  }
}
