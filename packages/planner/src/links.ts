import type { SnapshotMember } from '@shoal/membership'

/**
 * Round trip of a link that nobody has measured: between a site's and a continent's, so that a measured local link is
 * preferred and a far peer is not excluded before it was tried.
 */
export const unmeasuredRttMicros = 20_000
/** Bandwidth that nobody has measured: a common uplink at home, 40 Mbit/s. */
export const unmeasuredBytesPerSecond = 5_000_000

/**
 * What a frame costs beside its way and its bytes: encoding, encrypting, two event loops that wake from idle, and code
 * that computing has pushed out of the caches. 490 to 550 µs from send to arrival on loopback in quiet minutes
 * (docs/log.md), of which pings, short and hot, show the smaller part.
 */
export const frameMicros = 450

/** The slower of both ends' claims: a peer cannot draw routes to itself by claiming to be near. */
export function rttMicros(a: SnapshotMember, b: SnapshotMember): number {
  if (a.peerId === b.peerId) return 0
  const claims = [a.links[b.peerId], b.links[a.peerId]].filter((claim) => claim !== undefined)
  return claims.length === 0 ? unmeasuredRttMicros : Math.max(...claims)
}

/**
 * Of the link between two: what either received from the other, the slower of both, so that a hop costs the same both
 * ways. Nobody measured it: what the slower of both peers has had on another link.
 */
export function bytesPerSecond(a: SnapshotMember, b: SnapshotMember): number {
  const measured = said(a.rates?.[b.peerId], b.rates?.[a.peerId])
  const claims =
    measured.length > 0
      ? measured
      : said(a.hardware.bandwidthBytesPerSecond, b.hardware.bandwidthBytesPerSecond)
  return claims.length === 0 ? unmeasuredBytesPerSecond : Math.min(...claims)
}

function said(...claims: readonly (number | undefined)[]): number[] {
  return claims.map((claim) => claim ?? 0).filter((claim) => claim > 0)
}

/** One way for so many bytes, in integer microseconds: `rtt/2 + bytes/bandwidth + frame`. */
export function hopMicros(a: SnapshotMember, b: SnapshotMember, bytes: number): number {
  if (a.peerId === b.peerId) return 0
  return frameMicros + Math.ceil(rttMicros(a, b) / 2) + Math.ceil((bytes * 1_000_000) / bytesPerSecond(a, b))
}
