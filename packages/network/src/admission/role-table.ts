import { protocols } from '@shoal/protocol'
import { includesRole, type Role } from '@shoal/trust'

/**
 * The least role that may open each protocol. A client reads members and blobs, which it needs to find a route and to
 * compute embedding and head itself; what it may write there is decided by the owners of those protocols.
 */
const leastRoles: Readonly<Record<string, Role>> = {
  [protocols.hello]: 'client',
  [protocols.members]: 'client',
  [protocols.blobs]: 'client',
  [protocols.session]: 'client',
  [protocols.vocabulary]: 'client',
  [protocols.charter]: 'client',
  [protocols.direct]: 'client',
  [protocols.punch]: 'client',
  // Evidence is checked by whoever receives it; a client that was lied to may tell the members.
  [protocols.audit]: 'client',
  [protocols.group]: 'node',
}

/** Whether a role may open a channel of a protocol. A protocol that the table does not name is for nodes. */
export function mayOpen(role: Role, protocol: string): boolean {
  return includesRole(role, leastRoles[protocol] ?? 'node')
}
