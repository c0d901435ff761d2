import type { Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { SwarmEvent } from '../types.ts'

/** Reports changes of members to the program, and ends this node's sessions when its own incarnation is over. */
export function watchMembers(
  dependencies: {
    transport: Pick<Transport, 'peerId'>
    membership: Pick<Membership, 'onEvent'>
    logger: Logger
  },
  onEvent: (event: SwarmEvent) => void,
  onSelfExpired: () => void,
): void {
  const { transport, membership, logger } = dependencies
  membership.onEvent((event) => {
    switch (event.type) {
      case 'peer-joined':
      case 'peer-dead':
      case 'peer-left':
        if (event.peer !== transport.peerId) onEvent({ event: event.type, peer: event.peer })
        return
      case 'self-expired':
        logger.warn('self-expired', { incarnation: event.incarnation, next: event.next, cause: event.cause })
        // Other members held this node dead while it ran: its sessions are intact, and their coordinators judge for themselves.
        if (event.cause !== 'held-dead') onSelfExpired()
        onEvent({ event: event.type, incarnation: event.incarnation, next: event.next, cause: event.cause })
        return
      case 'peer-suspected':
      case 'peer-shut-out':
        logger.info(event.type, { peer: event.peer })
    }
  })
}
