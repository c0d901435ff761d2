import { ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import type { SwarmView } from '../view/swarm-view.ts'

/**
 * Waits for the first records and beats of the members. A joiner that planned without them would take the same blocks as
 * every other node that joins at that moment. A node without connections has no members to wait for.
 */
export async function waitForMembers(
  {
    transport,
    view,
    clock,
    logger,
  }: {
    readonly transport: Pick<Transport, 'connected'>
    readonly view: Pick<SwarmView, 'whenKnown'>
    readonly clock: Clock
    readonly logger: Logger
  },
  signal?: AbortSignal,
): Promise<void> {
  if (transport.connected().length === 0) return
  const limit = timeLimit(
    clock,
    swarmLimits.membersTimeoutMs,
    () => new ShoalError('deadline-passed', 'some peers stay unknown'),
    signal,
  )
  try {
    await view.whenKnown(limit.signal)
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof ShoalError)) throw error
    // A member that is gone stays unknown until its lease ends, and clients are no members: the wait is limited.
    logger.debug('peers-unknown', { reason: error.message })
  } finally {
    limit.clear()
  }
}
