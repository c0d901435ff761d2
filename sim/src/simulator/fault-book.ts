import type { Clock } from '@shoal/host'
import { killPoints, type KillPoint } from './frame-watch.ts'

/** What can be done to a swarm. `kill` counts its exact points too. */
export const faultKinds = ['kill', 'restart', 'leave', 'hang', 'partition', 'slow', 'corrupt'] as const
export type FaultKind = (typeof faultKinds)[number]

interface Impairment {
  readonly peer: string
  readonly kind: FaultKind
  readonly fromMs: number
  toMs: number
}

/** What has been done to whom, and when: the truth that a swarm's verdicts are compared with. */
export interface FaultBook {
  /** From now on this peer may fail those who rely on it. @param point where in a step it was killed */
  begin(kind: FaultKind, peer: string, point?: KillPoint): void
  /** What began has ended; a session that has lost the peer will not ask it again for all that. */
  end(peer: string): void
  /** Something was done that impairs nobody. */
  note(kind: FaultKind): void
  /** Peers that were impaired at any time since. */
  impairedSince(ms: number): ReadonlySet<string>
  /** When the impairment of a peer began that lasts still, or that ended last; null when it never was. */
  beganMs(peer: string): number | null
  readonly counts: Readonly<Record<FaultKind, number>>
  /** Of the kills, those at an exact point. */
  readonly points: Readonly<Record<KillPoint, number>>
}

export function createFaultBook(clock: Clock): FaultBook {
  const impairments: Impairment[] = []
  const counts = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>
  const points = Object.fromEntries(killPoints.map((point) => [point, 0])) as Record<KillPoint, number>
  return {
    begin(kind, peer, point) {
      counts[kind] += 1
      if (point !== undefined) points[point] += 1
      impairments.push({ peer, kind, fromMs: clock.nowMs(), toMs: Number.POSITIVE_INFINITY })
    },
    end(peer) {
      for (const impairment of impairments)
        if (impairment.peer === peer) impairment.toMs = Math.min(impairment.toMs, clock.nowMs())
    },
    note(kind) {
      counts[kind] += 1
    },
    impairedSince: (ms) => new Set(impairments.filter(({ toMs }) => toMs >= ms).map(({ peer }) => peer)),
    beganMs: (peer) => impairments.findLast((impairment) => impairment.peer === peer)?.fromMs ?? null,
    counts,
    points,
  }
}
