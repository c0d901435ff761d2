import type { HardwareRecord } from '@shoal/membership'
import type { Provider } from '@shoal/network'

/** A node that is said to serve what is wanted. */
export interface Candidate {
  readonly provider: Provider
  /** Its own signed word; null when the directory has none. */
  readonly record: HardwareRecord | null
}

/** What is looked for; null where anything will do. */
export interface Wish {
  readonly manifest: string | null
  /** `int4:32`. */
  readonly profile: string | null
  /** Taken before others when no profile is asked for. */
  readonly preferredProfile: string | null
}

/**
 * Whom to ask, best first. Entries are anybody's word, so a node without a record is asked too, but last; one that says
 * itself that it serves something else, or has left, is not asked. Pure.
 */
export function rankCandidates(candidates: readonly Candidate[], wish: Wish): readonly Candidate[] {
  const score = ({ record }: Candidate): number => {
    if (record === null) return 1
    const { manifest, profile, member } = record
    if (
      member.state === 'left' ||
      (wish.manifest !== null && manifest !== wish.manifest) ||
      (wish.profile !== null && profile !== wish.profile)
    )
      return 0
    const fits = wish.preferredProfile === null || profile === wish.preferredProfile
    return 2 + (fits ? 4 : 0) + (member.state === 'serving' ? 2 : 0) + (member.span === null ? 0 : 1)
  }
  return candidates
    .map((candidate) => ({ candidate, points: score(candidate) }))
    .filter(({ points }) => points > 0)
    .sort(
      (a, b) => b.points - a.points || (a.candidate.provider.peerId < b.candidate.provider.peerId ? -1 : 1),
    )
    .map(({ candidate }) => candidate)
}

/** Where it may be reached: its own word first, then what others say. */
export function addressesOf({ provider, record }: Candidate): readonly string[] {
  return [...new Set([...(record?.member.addresses ?? []), ...provider.addresses])]
}
