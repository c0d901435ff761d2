import { ShoalError } from '@shoal/host'
import {
  encodeInvite,
  fromHex,
  linkStart,
  maySign,
  readGrant,
  toHex,
  type Invite,
  type InviteState,
  type InviteUse,
  type InviteWish,
  type Role,
} from '@shoal/trust'
import type { Entry } from './enter-swarm.ts'

/** An invite, as its code and as a link. */
export interface NewInvite {
  readonly id: string
  readonly code: string
  readonly link: string
  readonly role: Role
  readonly uses: number
  /** ISO 8601. */
  readonly expires: string
}

/** An invite as its issuer sees it, without its key. */
export interface InviteReport {
  readonly id: string
  readonly role: Role
  readonly state: InviteState
  readonly uses: number
  readonly created: string
  readonly expires: string
  readonly used: readonly InviteUseReport[]
  /** Attempts that were refused: by peers that came too late, or with a code that is not theirs. */
  readonly refused: readonly InviteUseReport[]
}

export interface InviteUseReport {
  readonly peer: string
  readonly at: string
}

/** What a member may do about the membership of others. */
export interface PrivateSwarm {
  /** In hexadecimal. */
  readonly id: string
  readonly role: Role
  /** When this peer's own grant ends, ISO 8601. */
  readonly until: string
  /** @throws {ShoalError} `not-admitted` for a role that this peer must not give */
  invite(wish: InviteWish): NewInvite
  invites(): readonly InviteReport[]
  /** @throws {ShoalError} `not-found` */
  revokeInvite(id: string): InviteReport
}

/** Null in an open swarm, and for a command that only asks the swarm. */
export function createPrivateSwarm(entry: Entry, addresses: () => readonly string[]): PrivateSwarm | null {
  const { admission, invites } = entry
  const pass = admission?.pass ?? null
  if (admission === null || invites === null || pass === null) return null
  const ownGrant = () => {
    const [grant] = (admission.pass ?? pass).chain
    if (grant === undefined) throw new Error('a member has a grant')
    return readGrant(grant)
  }
  return {
    id: toHex(pass.swarm),
    get role() {
      return ownGrant().role
    },
    get until() {
      return dateOf(ownGrant().until)
    },
    invite(wish) {
      if (!maySign(ownGrant().role, wish.role)) throw mayNotInvite(ownGrant().role, wish.role)
      const invite = invites.issue(wish)
      const { id, key, role, uses, expires } = invite
      const code = encodeInvite({
        role,
        expires,
        swarm: pass.swarm,
        key: fromHex(key),
        addresses: reachableFirst(addresses()),
      })
      return { id, code, link: `${linkStart}${code}`, role, uses, expires: dateOf(expires) }
    },
    invites: () => invites.list().map((invite) => reportOf(invite, invites.state(invite))),
    revokeInvite(id) {
      const invite = invites.revoke(id)
      if (invite === undefined)
        throw new ShoalError('not-found', `there is no invite ${id}: see shoal invite list`)
      return reportOf(invite, invites.state(invite))
    },
  }
}

function mayNotInvite(own: Role, wanted: Role): ShoalError {
  const sentence =
    wanted === 'admin'
      ? 'only the holder of root.key can make an admin: run shoal grants admin PEER there'
      : `this peer is a ${own} and may invite clients only: ask an admin of the swarm to invite a ${wanted}`
  return new ShoalError('not-admitted', sentence)
}

export const dateOf = (seconds: number): string => new Date(seconds * 1000).toISOString()

const useOf = ({ peer, at }: InviteUse): InviteUseReport => ({ peer, at: dateOf(at) })

function reportOf(
  { id, role, uses, created, expires, used, refused }: Invite,
  state: InviteState,
): InviteReport {
  return {
    id,
    role,
    state,
    uses,
    created: dateOf(created),
    expires: dateOf(expires),
    used: used.map(useOf),
    refused: refused.map(useOf),
  }
}

/** Loopback addresses, which only this machine reaches, are written only where there are no others. */
function reachableFirst(addresses: readonly string[]): readonly string[] {
  const far = addresses.filter((address) => !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address))
  return far.length > 0 ? far : addresses
}
