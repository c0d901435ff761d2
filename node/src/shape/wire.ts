/** What bytes are put onto one after the other: a modem, a radio channel, one direction of a fibre. Shared by all who use it. */
export interface Wire {
  /** Takes so many bytes. @returns when the last of them has left, in milliseconds of the caller's clock */
  take(bytes: number, nowMs: number): number
}

/** @param mbps null for one that takes no time */
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
/** The least that a sender waits for an acknowledgement before it sends its last segment again (Linux). */
const probeMsMin = 10
/** Of a thousand tries in a row none gets through with half of all packets lost: more say that a figure is wrong. */
const triesMax = 1000

/**
 * How much later so many bytes come because packets were lost: TCP sends the lost ones again after a tail loss probe, two
 * round trips (RFC 8985, 7.2). Of several lost in one piece the first decides: the others are sent again with it.
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
