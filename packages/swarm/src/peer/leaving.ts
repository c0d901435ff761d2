import { messageOf, type Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { StageHost } from '@shoal/session'
import type { PlannedGroups } from '../groups/planned-groups.ts'
import type { Publisher } from '../directory/publisher.ts'
import type { Scope } from '../scope.ts'
import type { SpanKeeper } from '../placement/span-keeper.ts'
import type { SwarmEvent } from '../types.ts'
import type { EngineAtFirstUse } from '../generation/engine-at-first-use.ts'

export interface LeavingDependencies {
  readonly logger: Logger
  readonly keeper: Pick<SpanKeeper, 'retire'>
  readonly stageHost: Pick<StageHost, 'setDraining' | 'whenIdle' | 'sessions'>
  readonly membership: Pick<Membership, 'announce' | 'leave'>
  /** What this node answers itself; absent where it answers nobody. */
  readonly engine?: Pick<EngineAtFirstUse, 'drain'>
  /** Null or absent where it takes no part in groups. */
  readonly groups?: Pick<PlannedGroups, 'retire'> | null
  /** Absent where there is no directory. */
  readonly publisher?: Pick<Publisher, 'leave'>
  readonly scope: Pick<Scope, 'close'>
}

/**
 * How a node goes: no new sessions, no more moves (one that ends now would announce a span after `draining`), the others
 * hear it, running sessions move to others or end within `signal`, so do the answers that it gives itself, `left`, and
 * everything is closed, also when a step fails. Leaving twice is leaving once.
 */
export function createLeaving(
  dependencies: LeavingDependencies,
  onEvent: (event: SwarmEvent) => void,
): (signal: AbortSignal) => Promise<void> {
  const { logger, keeper, stageHost, membership, engine, groups, publisher, scope } = dependencies
  let left: Promise<void> | null = null

  const leave = async (signal: AbortSignal): Promise<void> => {
    onEvent({ event: 'draining' })
    stageHost.setDraining(true)
    try {
      await keeper.retire()
      await membership.announce({ state: 'draining' })
      // Strangers stop coming while the last sessions end.
      const toldStrangers = publisher?.leave(signal)
      await Promise.all([engine?.drain(signal), stageHost.whenIdle(signal), groups?.retire(signal)]).catch(
        (error: unknown) =>
          logger.warn('drain-cut-short', { reason: messageOf(error), sessions: stageHost.sessions() }),
      )
      await Promise.all([membership.leave(), toldStrangers])
    } finally {
      await scope.close()
    }
    onEvent({ event: 'stopped' })
  }
  return (signal) => (left ??= leave(signal))
}
