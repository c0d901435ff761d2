import { ShoalError } from '@shoal/host'
import { hashFor, toHex } from './bytes.ts'
import { limits } from './limits.ts'
import type { RefusalCode } from './refusal.ts'
import type { Role } from './roles.ts'

/** An invite as its issuer keeps it. Plain values, so that it can be written as JSON. */
export interface Invite {
  /** Names the invite to people; tells nothing about its key. */
  readonly id: string
  /** In hexadecimal. */
  readonly key: string
  /** Redeemed by pairing with a PIN, which is kept nowhere: its key opens no door. */
  readonly pin: boolean
  readonly role: Role
  readonly uses: number
  /** Seconds since 1970. */
  readonly created: number
  readonly expires: number
  readonly revoked: number | null
  readonly used: readonly InviteUse[]
  /** Refused attempts: by peers that came later with a code that was stolen or passed on. */
  readonly refused: readonly InviteUse[]
}

export interface InviteUse {
  readonly peer: string
  /** Seconds since 1970. */
  readonly at: number
}

/** The name under which `invite list` and `invite revoke` know an invite. */
export const inviteIdOf = (key: Uint8Array): string =>
  toHex(hashFor('shoal-invite-id:1:', key).subarray(0, 4))

export type InviteState = 'open' | 'spent' | 'expired' | 'revoked'

export function inviteState({ revoked, used, uses, expires }: Invite, nowSeconds: number): InviteState {
  if (revoked !== null) return 'revoked'
  if (used.length >= uses) return 'spent'
  return nowSeconds > expires ? 'expired' : 'open'
}

export interface InviteWish {
  readonly pin?: boolean
  readonly role: Role
  readonly uses: number
  readonly seconds: number
}

/** @throws {ShoalError} `limit-exceeded` for too many open invites, `bad-request` for a wish beyond the limits */
export function addInvite(
  book: readonly Invite[],
  key: Uint8Array,
  { pin = false, role, uses, seconds }: InviteWish,
  nowSeconds: number,
): { readonly book: readonly Invite[]; readonly invite: Invite } {
  if (uses < 1 || uses > limits.maxInviteUses || seconds < 1 || seconds > limits.maxInviteSeconds)
    throw new ShoalError(
      'bad-request',
      `an invite admits 1 to ${limits.maxInviteUses} peers, for at most ${limits.maxInviteSeconds / 86_400} days`,
    )
  const open = book.filter((each) => inviteState(each, nowSeconds) === 'open')
  if (open.length >= limits.maxOpenInvites)
    throw new ShoalError(
      'limit-exceeded',
      `${limits.maxOpenInvites} invites are open: revoke one of them (shoal invite list) before you make another`,
    )
  const invite: Invite = {
    id: inviteIdOf(key),
    key: toHex(key),
    pin,
    role,
    uses,
    created: nowSeconds,
    expires: nowSeconds + seconds,
    revoked: null,
    used: [],
    refused: [],
  }
  const kept = [...book, invite]
  // The oldest ended ones are forgotten first; open ones are at the end, or few.
  return { book: kept.slice(-limits.maxKnownInvites), invite }
}

/**
 * Whether a peer may use an invite, and the invite afterwards. The peer that used it before may come again: its first
 * answer may have been lost on the way. Every other peer that comes too late is remembered.
 */
export function useInvite(
  invite: Invite,
  peer: string,
  nowSeconds: number,
): { readonly invite: Invite; readonly refusal: RefusalCode | null } {
  const state = inviteState(invite, nowSeconds)
  const known = invite.used.some((use) => use.peer === peer)
  if (known && state !== 'revoked') return { invite, refusal: null }
  const use = { peer, at: nowSeconds }
  if (state === 'open') return { invite: { ...invite, used: [...invite.used, use] }, refusal: null }
  const told = invite.refused.some((each) => each.peer === peer)
  return { invite: told ? invite : refuseUse(invite, peer, nowSeconds), refusal: state }
}

/** Remembers an attempt that was refused. */
export function refuseUse(invite: Invite, peer: string, nowSeconds: number): Invite {
  if (invite.refused.length >= limits.maxInviteAttempts) return invite
  return { ...invite, refused: [...invite.refused, { peer, at: nowSeconds }] }
}

/** A PIN after a wrong try: the third one ends it. */
export function wrongPin(invite: Invite, peer: string, nowSeconds: number): Invite {
  const refused = refuseUse(invite, peer, nowSeconds)
  return refused.refused.length >= limits.maxWrongPins ? revokeInvite(refused, nowSeconds) : refused
}

export function revokeInvite(invite: Invite, nowSeconds: number): Invite {
  return { ...invite, revoked: invite.revoked ?? nowSeconds }
}
