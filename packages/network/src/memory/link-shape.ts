import type { Clock, Random } from '@shoal/host'

/** What a link is like, in both directions. */
export interface LinkShape {
  /** One way. */
  readonly latencyMs: number
  /** Added to each delay, uniform in [0, jitterMs); order within a direction stays. */
  readonly jitterMs?: number
  /** Of each direction: what is sent at once waits in line. Unlimited when absent. */
  readonly bytesPerSecond?: number
  /** Chance of a loss, in thousandths; a loss is a delay here, since the protocols below repeat what they lose. */
  readonly lossPermille?: number
  /** What a loss costs. Default: 200 ms, TCP's least time-out. */
  readonly retransmitMs?: number
}

/** The delays of one direction of a link. */
export interface LinkDelays {
  /** Of something of so many bytes that is sent now. */
  next(shape: LinkShape, bytes: number): number
}

/** A frame that is lost is sent again at most so often: a link that loses everything is a stopped one. */
const lossesMax = 8

export function createLinkDelays(clock: Clock, random: Random): LinkDelays {
  let sendingUntilMs = 0
  return {
    next({ latencyMs, jitterMs = 0, bytesPerSecond, lossPermille = 0, retransmitMs = 200 }, bytes) {
      const nowMs = clock.nowMs()
      let delayMs = latencyMs
      if (jitterMs > 0) delayMs += random.unit() * jitterMs
      if (bytesPerSecond !== undefined && bytes > 0) {
        sendingUntilMs = Math.max(nowMs, sendingUntilMs) + (bytes * 1000) / bytesPerSecond
        delayMs += sendingUntilMs - nowMs
      }
      for (
        let losses = 0;
        lossPermille > 0 && losses < lossesMax && random.unit() * 1000 < lossPermille;
        losses += 1
      )
        delayMs += retransmitMs
      return delayMs
    },
  }
}
