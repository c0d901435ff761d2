import { ShoalError, sleep, type Clock } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Placement } from '@shoal/planner'
import { missedWithout } from './decide.ts'
import { countKeepers, countPlannedHolders } from './stays-after-me.ts'
import { swarmLimits } from '../../limits.ts'

/** When this node may stop serving blocks: the other half of a move, after the new ones are there. */
export interface Releases {
  /** For each block, other peers that are to keep it; while the model is not `served`, those that are to hold it. */
  keepers(): readonly number[]
  /** Something may have changed: notes when. */
  look(): void
  /**
   * Resolves when others keep all these blocks, and everybody has had time to hear of it: after a quiet moment all have
   * one snapshot, so one plan, and nobody gives up what another one counts on.
   * @param stillWanted whether the plan still wants the move
   * @throws {ShoalError} `not-ready` when that does not come in time, or the plan has changed
   */
  whenFree(blocks: readonly number[], stillWanted: () => boolean, signal: AbortSignal): Promise<void>
  /** Resolves after a quiet moment: who is named in the plan knows it. @throws {ShoalError} `not-ready` as `whenFree` */
  whenQuiet(stillWanted: () => boolean, signal: AbortSignal): Promise<void>
}

export interface ReleasesDependencies {
  readonly clock: Clock
  readonly membership: Pick<Membership, 'members'>
  /** Who is to hold what. */
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

  /** What a decision to give something up depends on: who is to hold what, and who does. */
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
