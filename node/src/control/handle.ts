import { ShoalError } from '@shoal/host'
import { isRole } from '@shoal/trust'
import type { ServingPeer } from '../swarm-port.ts'
import type { ControlHandler } from './server.ts'

/** What commands may ask of a running node. */
export function controlOf(node: Pick<ServingPeer, 'privateSwarm'>): ControlHandler {
  const swarm = (): NonNullable<ServingPeer['privateSwarm']> => {
    if (node.privateSwarm !== null) return node.privateSwarm
    throw new ShoalError(
      'bad-request',
      'the swarm of this node is open: whoever reaches it may join by its address, without an invite',
    )
  }
  return async ({ act, ...rest }) => {
    switch (act) {
      case 'invite':
        return swarm().invite(wishOf(rest))
      case 'show-pin': {
        const { role, seconds } = wishOf({ ...rest, uses: 1 })
        return swarm().showPin(role, seconds)
      }
      case 'invites':
        return { invites: swarm().invites() }
      case 'revoke-invite':
        return swarm().revokeInvite(textOf(rest, 'id'))
      case 'lock':
        return swarm().replaceSecret()
      case 'name': {
        const name = textOf(rest, 'name')
        await swarm().rename(name)
        return { name }
      }
      case 'grants':
        return { grants: swarm().grants() }
      case 'revoke': {
        const peer = textOf(rest, 'peer')
        await swarm().revoke(peer)
        return { revoked: peer }
      }
      default:
        throw new ShoalError(
          'bad-request',
          'this node does not know that request: it may be of another version',
        )
    }
  }
}

type Fields = Readonly<Record<string, unknown>>

function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new ShoalError('bad-request', `${name} must be text`)
  return value
}

function wishOf({
  role,
  uses,
  seconds,
}: Fields): Parameters<NonNullable<ServingPeer['privateSwarm']>['invite']>[0] {
  if (!isRole(role) || typeof uses !== 'number' || typeof seconds !== 'number')
    throw new ShoalError('bad-request', 'an invite has a role, a number of uses and a term')
  return { role, uses, seconds }
}
