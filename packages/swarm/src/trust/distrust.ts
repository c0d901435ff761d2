import type { Clock } from '@shoal/host'
import { swarmLimits } from '../limits.ts'

/** Peers whose rows were refused, and who are asked last for a while. Lasts as long as the process. */
export interface Distrust {
  /** It sent what is no number, or no message. */
  spoilt(peer: string): void
  /** Those to be avoided now. */
  peers(): ReadonlySet<string>
}

/** A broken memory chip spoils now and then, so the time doubles with each time. */
export function createDistrust(clock: Clock): Distrust {
  const accounts = new Map<string, { times: number; untilMs: number }>()
  return {
    spoilt(peer) {
      const times = (accounts.get(peer)?.times ?? 0) + 1
      const forMs = Math.min(swarmLimits.distrustMsMax, swarmLimits.distrustMs * 2 ** (times - 1))
      // Re-inserted, so that the one longest unheard of is forgotten first.
      accounts.delete(peer)
      accounts.set(peer, { times, untilMs: clock.nowMs() + forMs })
      const [oldest] = accounts.keys()
      if (accounts.size > swarmLimits.distrustedPeers && oldest !== undefined) accounts.delete(oldest)
    },
    peers: () =>
      new Set([...accounts].flatMap(([peer, { untilMs }]) => (untilMs > clock.nowMs() ? [peer] : []))),
  }
}
