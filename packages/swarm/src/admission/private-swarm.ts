import { ShoalError } from '@shoal/host'
import { rawKeyOf, type Transport } from '@shoal/network'
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
import type { SwarmStatus } from '../types.ts'
import type { SwarmAdmission } from './swarm-admission.ts'
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
  /** Members that were met since the start, and this peer. */
  grants(): readonly GrantReport[]
  /** Puts a peer out, everywhere. @throws {ShoalError} `not-admitted` when this peer is no admin */
  revoke(peer: string): Promise<void>
}

/** What a member may do, as this peer knows it. */
export interface GrantReport {
  readonly peer: string
  readonly role: Role
  /** ISO 8601. */
  readonly until: string
  readonly self: boolean
  readonly connected: boolean
}

/** Null in an open swarm, and for a command that only asks the swarm. */
export function createPrivateSwarm(
  entry: Entry,
  transport: Pick<Transport, 'peerId' | 'addresses' | 'connected'>,
): PrivateSwarm | null {
  const { admission, invites, charter } = entry
  const pass = admission?.pass ?? null
  if (admission === null || invites === null || charter === null || pass === null) return null
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
        addresses: reachableFirst(transport.addresses()),
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
    grants() {
      const connected = new Set(transport.connected())
      const own = { peer: transport.peerId, ...termsOf(ownGrant()), self: true, connected: false }
      const others = [...admission.standings()].map(([peer, standing]) => ({
        peer,
        ...termsOf(standing),
        self: false,
        connected: connected.has(peer),
      }))
      return [own, ...others]
    },
    async revoke(peer) {
      const key = rawKeyOf(peer)
      if (key === undefined || peer === transport.peerId)
        throw new ShoalError('bad-request', `${peer} is not the id of another peer`)
      if (ownGrant().role !== 'admin')
        throw new ShoalError(
          'not-admitted',
          'only an admin of the swarm can put a peer out: ask one, or run this there',
        )
      await admission.revoke(key)
    },
  }
}

const termsOf = ({ role, until }: { readonly role: Role; readonly until: number }) => ({
  role,
  until: dateOf(until),
})

function mayNotInvite(own: Role, wanted: Role): ShoalError {
  const sentence =
    wanted === 'admin'
      ? 'only the machine that made the swarm is an admin; further admins cannot be made yet'
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

/** A status in which each member whose grant is known here has its role and the end of its grant. */
export function withRoles(status: SwarmStatus, admission: SwarmAdmission | null): SwarmStatus {
  if (admission === null) return { ...status, private: false }
  const standings = admission.standings()
  const peers = status.peers.map((peer) => {
    const terms = peer.self ? admission.ownTerms() : standings.get(peer.peer)
    return terms === undefined ? peer : { ...peer, ...termsOf(terms) }
  })
  return { ...status, private: true, peers }
}
