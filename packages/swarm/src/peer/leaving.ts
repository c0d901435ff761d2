import { messageOf, sleep, type Clock, type Logger } from '@shoal/host'
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
  /** Gives this node's own answers; absent where it gives none. */
  readonly engine?: Pick<EngineAtFirstUse, 'drain'>
  /** Null or absent where this node takes no part in groups. */
  readonly groups?: Pick<PlannedGroups, 'retire'> | null
  /** Absent where there is no directory. */
  readonly publisher?: Pick<Publisher, 'leave'>
  readonly scope: Pick<Scope, 'close'>
}

/**
 * Makes a node leave, once. It takes no new sessions, ends its moves (a later one would announce a span after `draining`)
 * and announces `draining`. Its sessions move to other nodes or end, and its own answers end, until `signal` aborts. Then it
 * announces `left`. Everything is closed, also when one of these steps fails.
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
      // The directory is told before the last sessions have ended, so that no strangers come any more.
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

export interface VanishingDependencies {
  readonly clock: Clock
  readonly stageHost: Pick<StageHost, 'close'>
  readonly membership: Pick<Membership, 'leave'>
  readonly scope: Pick<Scope, 'close'>
}

/** Time to tell the others: they find out in some seconds if this fails. */
const lastWordMs = 1000

/**
 * Ends a node that has lost what it computes with. It has nothing to hand over: its sessions are refused, so that their
 * coordinators repair their routes at once, and the others hear that it has left.
 */
export async function vanish({ clock, stageHost, membership, scope }: VanishingDependencies): Promise<void> {
  try {
    await stageHost.close()
    await Promise.race([membership.leave(), sleep(clock, lastWordMs)])
  } finally {
    await scope.close()
  }
}
