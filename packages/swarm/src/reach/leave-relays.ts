import { every, messageOf, type Clock, type Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import type { Scope } from '../scope.ts'
import { clientBegins, PathPunches, type Begins } from './punch-paths.ts'
import { PathUpgrades, type RelayedMember } from './upgrade-paths.ts'

/**
 * Replaces relayed paths to members by direct ones, and where nobody can be dialled by paths through the routers of both.
 * @returns to be called again and again with the members that are alive
 */
export function leavingRelays(
  clock: Clock,
  logger: Logger,
  transport: Transport,
  begins: Begins,
): (members: readonly RelayedMember[]) => Promise<void> {
  const upgrades = new PathUpgrades(clock, logger, transport)
  const punches = new PathPunches(clock, logger, transport, begins)
  return async (members) => {
    // Where one of the two can dial the other, nothing is punched.
    await upgrades.turn(members)
    await punches.turn(members)
  }
}

export interface ClientReachDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly membership: Pick<Membership, 'members'>
}

/**
 * Does so for a client, which nobody dials and which has no record. Answers under way stay on the relay until it fails, later
 * ones take the new path.
 */
export function leaveRelays(dependencies: ClientReachDependencies, scope: Scope): void {
  const { clock, logger, transport, membership } = dependencies
  const turn = leavingRelays(clock, logger, transport, clientBegins)
  const look = async (): Promise<void> => {
    const alive = membership.members().filter(({ liveness }) => liveness === 'alive')
    await turn(alive.map(({ record }) => record))
  }
  const timer = every(clock, swarmLimits.clientReachTurnMs, look, (error) =>
    logger.warn('reach-failed', { reason: messageOf(error) }),
  )
  scope.onClose(() => timer.cancel())
}
