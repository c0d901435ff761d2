import type { HardwareRecord } from '@shoal/membership'
import type { Provider } from '@shoal/network'

/** A node that the directory lists for the wanted model. */
export interface Candidate {
  readonly provider: Provider
  /** The node's own signed record; null when the directory has none. */
  readonly record: HardwareRecord | null
}

/** What is looked for; null accepts any value. */
export interface Wish {
  readonly manifest: string | null
  /** Numeric profile in its short form, such as `int4:32`. */
  readonly profile: string | null
  /** Ranked first when `profile` is null. */
  readonly preferredProfile: string | null
}

/**
 * The nodes to ask, best first. Anybody may write entries, so a node without a signed record is asked too, but last. A node
 * whose own record names another model or says that it has left is not asked. Pure.
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

/** Addresses of the node: those of its own record first, then those in the directory's entry. */
export function addressesOf({ provider, record }: Candidate): readonly string[] {
  return [...new Set([...(record?.member.addresses ?? []), ...provider.addresses])]
}
