import { ShoalError, type SystemDependencies } from '@shoal/host'
import { rawKeyOf, type Transport } from '@shoal/network'
import {
  encodeInvite,
  fromHex,
  limits,
  linkStart,
  pinLink,
  toHex,
  type Invite,
  type InviteState,
  type InviteUse,
  type InviteWish,
  type Role,
} from '@shoal/trust'
import type { Scope } from '../scope.ts'
import type { SwarmStatus } from '../types.ts'
import { openPairingDoor } from './pairing/open-door.ts'
import { PinDesk } from './pairing/pin-desk.ts'
import type { CharterKeeper } from './charter/charter-keeper.ts'
import type { Entry } from './enter-swarm.ts'
import type { IssuedInvites } from './issued-invites.ts'
import type { SwarmAdmission } from './swarm-admission.ts'

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

/** A PIN; `code` has its six digits. */
export interface ShownPin extends NewInvite {
  /** Addresses at which the PIN is honoured. */
  readonly door: readonly string[]
}

/** An invite as its issuer sees it, without its key. */
export interface InviteReport {
  readonly id: string
  /** Joined with a PIN in the local network. */
  readonly pin: boolean
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
  /** What its admins call it. */
  readonly name: string | null
  readonly role: Role
  /** When this peer's own grant ends, ISO 8601. */
  readonly until: string
  /** @throws {ShoalError} `not-admitted` for a role that this peer must not give */
  invite(wish: InviteWish): NewInvite
  /** Shows a PIN, with which one machine of the local network joins. @throws {ShoalError} as `invite` does */
  showPin(role: Role, seconds: number): Promise<ShownPin>
  invites(): readonly InviteReport[]
  /** @throws {ShoalError} `not-found` */
  revokeInvite(id: string): InviteReport
  /** Members that were met since the start, and this peer. */
  grants(): readonly GrantReport[]
  /** Puts a peer out, everywhere. @throws {ShoalError} `not-admitted` when this peer is no admin */
  revoke(peer: string): Promise<void>
  /**
   * Gives the swarm a new secret.
   * @returns when each secret that is accepted ends, ISO 8601; null for the present one
   * @throws {ShoalError} `not-admitted` when this peer is no admin
   */
  replaceSecret(): Promise<{ readonly id: string; readonly secrets: readonly (string | null)[] }>
  /** @throws {ShoalError} `not-admitted` when this peer is no admin */
  rename(name: string): Promise<void>
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
  dependencies: SystemDependencies,
  entry: Entry,
  transport: Pick<Transport, 'peerId' | 'addresses' | 'connected'>,
  scope: Scope,
): PrivateSwarm | null {
  const { admission, invites, charter } = entry
  const pass = admission?.pass ?? null
  if (admission === null || invites === null || charter === null || pass === null) return null
  const desk = new PinDesk({
    ...dependencies,
    invites,
    welcome: (invite, peerId) => admission.welcome(invite, peerId),
    addresses: () => reachableFirst(transport.addresses()),
    openDoor: () => openPairingDoor(dependencies, transport.addresses()),
  })
  scope.onClose(() => desk.close())
  return new OwnMembership({ admission, invites, charter, transport, desk, swarm: pass.swarm })
}

interface MembershipParts {
  readonly admission: SwarmAdmission
  readonly invites: IssuedInvites
  readonly charter: CharterKeeper
  readonly transport: Pick<Transport, 'peerId' | 'addresses' | 'connected'>
  readonly desk: PinDesk
  readonly swarm: Uint8Array
}

/** What this peer may do by its own grant. */
class OwnMembership implements PrivateSwarm {
  readonly id: string
  readonly #parts: MembershipParts

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.id = toHex(parts.swarm)
  }

  get name(): string | null {
    return this.#parts.charter.charter.name
  }

  get role(): Role {
    return this.#terms().role
  }

  get until(): string {
    return dateOf(this.#terms().until)
  }

  #terms(): { readonly role: Role; readonly until: number } {
    const terms = this.#parts.admission.ownTerms()
    if (terms === undefined) throw new Error('a member has a grant')
    return terms
  }

  #checkMayGive(role: Role): void {
    if (!this.#parts.admission.mayGive(role)) throw mayNotInvite(this.role, role)
  }

  #checkIsAdmin(act: string): void {
    if (this.role !== 'admin')
      throw new ShoalError(
        'not-admitted',
        `only an admin of the swarm can ${act}: ask one, or run this there`,
      )
  }

  invite(wish: InviteWish): NewInvite {
    this.#checkMayGive(wish.role)
    const { invites, swarm, transport } = this.#parts
    const { id, key, role, uses, expires } = invites.issue(wish)
    const addresses = reachableFirst(transport.addresses())
    const code = encodeInvite({ role, expires, swarm, key: fromHex(key), addresses })
    return { id, code, link: `${linkStart}${code}`, role, uses, expires: dateOf(expires) }
  }

  async showPin(role: Role, seconds: number): Promise<ShownPin> {
    this.#checkMayGive(role)
    const { pin, invite, door } = await this.#parts.desk.show(role, seconds)
    const { id, uses, expires } = invite
    return { id, code: pin, link: pinLink(pin), role, uses, expires: dateOf(expires), door }
  }

  invites(): readonly InviteReport[] {
    const { invites } = this.#parts
    return invites.list().map((invite) => reportOf(invite, invites.state(invite)))
  }

  revokeInvite(id: string): InviteReport {
    const { invites, desk } = this.#parts
    const invite = invites.revoke(id)
    if (invite === undefined)
      throw new ShoalError('not-found', `there is no invite ${id}: see shoal invite list`)
    desk.revoked(id)
    return reportOf(invite, invites.state(invite))
  }

  grants(): readonly GrantReport[] {
    const { transport, admission } = this.#parts
    const connected = new Set(transport.connected())
    const own = { peer: transport.peerId, ...termsOf(this.#terms()), self: true, connected: false }
    const others = [...admission.standings()].map(([peer, standing]) => ({
      peer,
      ...termsOf(standing),
      self: false,
      connected: connected.has(peer),
    }))
    return [own, ...others]
  }

  async revoke(peer: string): Promise<void> {
    const { transport, admission, charter } = this.#parts
    const key = rawKeyOf(peer)
    if (key === undefined || peer === transport.peerId)
      throw new ShoalError('bad-request', `${peer} is not the id of another peer`)
    this.#checkIsAdmin('put a peer out')
    await admission.layDown({ kind: 'revoke', key })
    // A secret that the revoked peer had set counts no longer. A new one replaces it, so that nobody depends on the
    // secret before it.
    if (charter.hasSecretOf(toHex(key))) await admission.replaceSecret()
  }

  async replaceSecret(): Promise<{ readonly id: string; readonly secrets: readonly (string | null)[] }> {
    this.#checkIsAdmin('replace the secret of the swarm')
    const { admission } = this.#parts
    await admission.replaceSecret()
    const ends = admission.secrets().map(({ until }) => (until === null ? null : dateOf(until)))
    return { id: this.id, secrets: ends }
  }

  async rename(name: string): Promise<void> {
    this.#checkIsAdmin('name the swarm')
    if (name.length > limits.maxNameCharacters)
      throw new ShoalError('bad-request', `a name has at most ${limits.maxNameCharacters} characters`)
    await this.#parts.admission.layDown({ kind: 'name', name })
  }
}

const termsOf = ({ role, until }: { readonly role: Role; readonly until: number }) => ({
  role,
  until: dateOf(until),
})

function mayNotInvite(own: Role, wanted: Role): ShoalError {
  const sentence =
    wanted === 'admin'
      ? "only the machine that has the swarm's root key (root.key in its data directory) makes admins: run this there"
      : `this peer is a ${own} and may invite clients only: ask an admin of the swarm to invite a ${wanted}`
  return new ShoalError('not-admitted', sentence)
}

export const dateOf = (seconds: number): string => new Date(seconds * 1000).toISOString()

const useOf = ({ peer, at }: InviteUse): InviteUseReport => ({ peer, at: dateOf(at) })

function reportOf(
  { id, pin, role, uses, created, expires, used, refused }: Invite,
  state: InviteState,
): InviteReport {
  return {
    id,
    pin,
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

/** A status with the swarm's name, in which each member whose grant is known here has its role and the end of its grant. */
export function withRoles(
  status: SwarmStatus,
  { admission, charter }: Pick<Entry, 'admission' | 'charter'>,
): SwarmStatus {
  if (admission === null) return { ...status, private: false }
  const standings = admission.standings()
  const peers = status.peers.map((peer) => {
    const terms = peer.self ? admission.ownTerms() : standings.get(peer.peer)
    return terms === undefined ? peer : { ...peer, ...termsOf(terms) }
  })
  const name = charter?.charter.name ?? null
  return { ...status, private: true, ...(name !== null && { name }), peers }
}
