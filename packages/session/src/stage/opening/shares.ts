import { sessionLimits } from '../../route/limits.ts'

/** What a node knows of the owner of a session: itself, a member of the swarm with a record, or neither. */
export type Standing = 'self' | 'member' | 'stranger'

/** The memory for KV caches and journals at one runner, with a session that asks for room counted as if it were open. */
export interface Tenancy {
  /** What all sessions together may use. */
  readonly roomBytes: number
  /** Bytes for the session that asks. */
  readonly wantedBytes: number
  /** Bytes of its owner's other sessions. */
  readonly ownBytes: number
  /** Bytes of the sessions of all other owners. */
  readonly othersBytes: number
  /** Bytes of the sessions of all strangers, without the one that asks. */
  readonly strangersBytes: number
}

/**
 * Whether an owner asks for more than its share. Nobody's memory is taken away from a running session, so room for the
 * next owner must be left beforehand: an owner may fill a part of what the others leave, and strangers together a part of
 * the whole. The first session of an owner is a floor, which only the memory itself and the strangers' part can refuse.
 * @returns null, or the sentence for the refusal
 */
export function overShare(standing: Standing, tenancy: Tenancy): string | null {
  if (standing === 'self') return null
  const { roomBytes, wantedBytes, ownBytes, othersBytes, strangersBytes } = tenancy
  const strangersMost = roomBytes * sessionLimits.strangersShare
  // A node with room for one session serves a stranger too while nobody else is here.
  if (standing === 'stranger' && strangersBytes > 0 && strangersBytes + wantedBytes > strangersMost)
    return 'the rest of this node’s memory is reserved for members of the swarm'
  const most = (roomBytes - othersBytes) * sessionLimits.shareOf[standing]
  if (ownBytes > 0 && ownBytes + wantedBytes > most)
    return 'your other sessions already use your share of this node’s memory'
  return null
}
