import type { SnapshotMember } from '@shoal/membership'

/**
 * Assumed round trip of a link that neither end has measured. The value lies between round trips inside a site and across
 * a continent, so that measured local links are preferred and a far peer still gets tried.
 */
export const unmeasuredRttMicros = 20_000
/** Assumed bandwidth of a link that neither end has measured: a common uplink at home, 40 Mbit/s. */
export const unmeasuredBytesPerSecond = 5_000_000

/**
 * What a frame costs beside its travel time and its bytes: encoding, encrypting, two event loops that wake from idle, and
 * code that computing has pushed out of the caches. Traced on loopback in quiet minutes, a frame took 490 to 550 µs from
 * send to arrival (docs/log.md). Pings show only a small part of that, because they are short and their code stays cached.
 */
export const frameMicros = 450

/** Round trip by the slower of both ends' claims, so that a peer cannot attract routes by claiming to be near. */
export function rttMicros(a: SnapshotMember, b: SnapshotMember): number {
  if (a.peerId === b.peerId) return 0
  const claims = [a.links[b.peerId], b.links[a.peerId]].filter((claim) => claim !== undefined)
  return claims.length === 0 ? unmeasuredRttMicros : Math.max(...claims)
}

/**
 * Rate of the link between two members. Each end may have measured what it received from the other; the slower figure
 * counts, so that a hop costs the same both ways. Where neither end has measured this link, the slower of the
 * rates that the two members have measured on other links counts.
 */
export function bytesPerSecond(a: SnapshotMember, b: SnapshotMember): number {
  const measured = positive(a.rates?.[b.peerId], b.rates?.[a.peerId])
  const claims =
    measured.length > 0
      ? measured
      : positive(a.hardware.bandwidthBytesPerSecond, b.hardware.bandwidthBytesPerSecond)
  return claims.length === 0 ? unmeasuredBytesPerSecond : Math.min(...claims)
}

/** The measured claims: zero stands for a link that was not measured. */
function positive(...claims: readonly (number | undefined)[]): number[] {
  return claims.map((claim) => claim ?? 0).filter((claim) => claim > 0)
}

/** Time of so many bytes from one member to another, in integer microseconds: `rtt/2 + bytes/bandwidth + frame`. */
export function hopMicros(a: SnapshotMember, b: SnapshotMember, bytes: number): number {
  if (a.peerId === b.peerId) return 0
  return frameMicros + Math.ceil(rttMicros(a, b) / 2) + Math.ceil((bytes * 1_000_000) / bytesPerSecond(a, b))
}
