import { every, messageOf, type Clock, type Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import { swarmLimits } from '../limits.ts'
import type { AnnouncedHardware } from '../measuring/calibration/announced-hardware.ts'
import type { PlannedGroups } from './planned-groups.ts'

export interface GroupSpeedDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly membership: Pick<Membership, 'announce'>
  readonly groups: Pick<PlannedGroups, 'decodeMicrosPerBlock'>
  readonly announced: Pick<AnnouncedHardware, 'groupMeasured'>
}

/**
 * Announces the measured speed of the group that this node leads. Predictions for groups are less accurate than those for
 * single peers, so routes need the measured value.
 */
export function announceGroupSpeed(dependencies: GroupSpeedDependencies): { close(): void } {
  const { clock, logger, membership, groups, announced } = dependencies
  const turn = async (): Promise<void> => {
    const micros = groups.decodeMicrosPerBlock()
    const fields = micros === null ? null : announced.groupMeasured(micros)
    if (fields !== null) await membership.announce(fields)
  }
  const timer = every(clock, swarmLimits.announceIntervalMs, turn, (error) =>
    logger.warn('group-speed-not-said', { reason: messageOf(error) }),
  )
  return { close: () => timer.cancel() }
}
