import { ShoalError, sleep, type Clock } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Placement } from '@shoal/planner'
import { missedWithout } from './decide.ts'
import { countKeepers, countPlannedHolders } from './planned-keepers.ts'
import { swarmLimits } from '../../limits.ts'

/** Decides when this node may stop serving blocks, which is the second half of a move. */
export interface Releases {
  /** For each block, the number of other peers that keep it; while a block has no holder, of those planned to hold it. */
  keepers(): readonly number[]
  /** Compares the plan and its holders with those at the last call, and notes the time of a change. */
  look(): void
  /**
   * Resolves when others keep all these blocks and nothing has changed for a while. By then all nodes have one snapshot,
   * hence one plan, and no node gives up a block that another one counts on.
   * @param stillWanted whether the plan still wants the move
   * @throws {ShoalError} `not-ready` when that takes too long, or when the plan has changed
   */
  whenFree(blocks: readonly number[], stillWanted: () => boolean, signal: AbortSignal): Promise<void>
  /** Resolves when nothing has changed for a while, so that all nodes know the plan. @throws {ShoalError} `not-ready` as `whenFree` */
  whenQuiet(stillWanted: () => boolean, signal: AbortSignal): Promise<void>
}

export interface ReleasesDependencies {
  readonly clock: Clock
  readonly membership: Pick<Membership, 'members'>
  /** The plan's placements. */
  readonly placements: () => readonly Placement[]
  readonly blockCount: number
  /** Whether every block has a live holder, this node included. */
  readonly served: () => boolean
  readonly selfId: string
}

export function createReleases({
  clock,
  membership,
  placements,
  blockCount,
  served,
  selfId,
}: ReleasesDependencies): Releases {
  let seen = ''
  let sinceMs = clock.nowMs()

  /** A decision to give blocks up depends on the planned holders and on the present ones. */
  const look = (): void => {
    const holding = membership
      .members()
      .flatMap(({ record, liveness }) =>
        liveness === 'alive' && record.state === 'serving'
          ? [[record.peerId, record.incarnation, record.span, record.group?.ranks]]
          : [],
      )
    const now = JSON.stringify([placements(), holding])
    if (now === seen) return
    seen = now
    sinceMs = clock.nowMs()
  }
  const keepers = (): readonly number[] =>
    (served() ? countKeepers : countPlannedHolders)(membership.members(), placements(), selfId, blockCount)

  const quietWithout = async (
    blocks: readonly number[],
    stillWanted: () => boolean,
    signal: AbortSignal,
  ): Promise<void> => {
    const untilMs = clock.nowMs() + swarmLimits.releaseTimeoutMs
    for (;;) {
      look()
      if (!stillWanted()) throw new ShoalError('not-ready', 'the plan has changed')
      const missed = missedWithout(blocks, keepers())
      if (missed === null && clock.nowMs() - sinceMs >= swarmLimits.releaseQuietMs) return
      if (clock.nowMs() >= untilMs)
        throw new ShoalError(
          'not-ready',
          missed === null ? 'the swarm is changing' : `nobody else is to keep block ${missed} any more`,
        )
      await sleep(clock, swarmLimits.settleMs, signal)
    }
  }

  return {
    keepers,
    look,
    whenFree: (blocks, stillWanted, signal) =>
      blocks.length === 0 ? Promise.resolve() : quietWithout(blocks, stillWanted, signal),
    whenQuiet: (stillWanted, signal) => quietWithout([], stillWanted, signal),
  }
}
