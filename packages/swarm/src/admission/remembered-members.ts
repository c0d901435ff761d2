import { every, messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import type { Scope } from '../scope.ts'
import type { Entry } from './enter-swarm.ts'

export interface RememberedMembersDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly membership: Pick<Membership, 'members'>
}

/**
 * Lets the members of a private swarm find each other after a restart without an invite: dials those that were met before,
 * and keeps the addresses of those that are here now.
 */
export function rememberMembers(
  { clock, logger, transport, membership }: RememberedMembersDependencies,
  { admission, remembered }: Entry,
  scope: Scope,
): void {
  if (admission === null) return
  const dialAll = (addresses: readonly string[]): void => {
    for (const address of addresses)
      dialOnce(transport, clock, address).catch((error: unknown) =>
        logger.debug('member-not-met', { address, reason: messageOf(error) }),
      )
  }
  dialAll(remembered)
  const remember = (): void => {
    const others = membership
      .members()
      .filter(({ record, liveness }) => record.peerId !== transport.peerId && liveness === 'alive')
    admission.endStandings()
    admission.retryFiles()
    admission.remember(others.flatMap(({ record }) => record.addresses))
  }
  const turn = (): void => {
    remember()
    // All members may have been stopped, and are started again one by one.
    if (transport.connected().length === 0) dialAll(admission.pass?.addresses ?? [])
  }
  const timer = every(clock, swarmLimits.rememberTurnMs, turn, (error) =>
    logger.warn('members-not-remembered', { reason: messageOf(error) }),
  )
  scope.onClose(() => {
    timer.cancel()
    remember()
  })
}

async function dialOnce(transport: Transport, clock: Clock, address: string): Promise<void> {
  const limit = timeLimit(
    clock,
    swarmLimits.dialTimeoutMs,
    () => new ShoalError('peer-vanished', 'it did not answer'),
  )
  try {
    await transport.dial(address, { signal: limit.signal })
  } finally {
    limit.clear()
  }
}
