/** A serial medium such as a modem, a radio channel or one direction of a fibre, shared by all its users. */
export interface Wire {
  /** Enqueues bytes. @returns when the last of them has left, in milliseconds of the caller's clock */
  take(bytes: number, nowMs: number): number
}

/** @param mbps null for a wire without a rate limit */
export function createWire(mbps: number | null): Wire {
  if (mbps === null) return { take: (_bytes, nowMs) => nowMs }
  const bytesPerMs = (mbps * 1_000_000) / 8 / 1000
  let freeMs = Number.NEGATIVE_INFINITY
  return {
    take(bytes, nowMs) {
      freeMs = Math.max(freeMs, nowMs) + bytes / bytesPerMs
      return freeMs
    },
  }
}

/** Payload of a TCP segment in Ethernet's 1,500 bytes. */
const segmentBytes = 1448
/** Minimum wait of a sender (Linux) for an acknowledgement before its tail loss probe. */
const probeMsMin = 10
/** Limit of retransmissions: a thousand failures in a row do not happen even with half of all packets lost. */
const triesMax = 1000

/**
 * Extra delay of a chunk by lost packets. TCP retransmits after a tail loss probe, two round trips (RFC 8985, 7.2). Of
 * several losses in one chunk the first decides, since the others are retransmitted with it.
 * @param unit uniform in [0, 1)
 */
export function lossDelayMs(bytes: number, rttMs: number, lossPercent: number, unit: () => number): number {
  if (lossPercent === 0) return 0
  const keep = 1 - lossPercent / 100
  if (unit() < keep ** Math.ceil(bytes / segmentBytes)) return 0
  let tries = 1
  while (tries < triesMax && unit() >= keep) tries += 1
  return tries * Math.max(probeMsMin, 2 * rttMs)
}
