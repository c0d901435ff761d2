import type { Clock } from '@shoal/host'
import { killPoints, type KillPoint } from './frame-watch.ts'

/** Kinds of faults. `kill` includes kills at an exact point. */
export const faultKinds = ['kill', 'restart', 'leave', 'hang', 'partition', 'slow', 'corrupt'] as const
export type FaultKind = (typeof faultKinds)[number]

interface Impairment {
  readonly peer: string
  readonly kind: FaultKind
  readonly fromMs: number
  toMs: number
}

/** Records which fault struck which peer and when: the ground truth for the swarm's verdicts. */
export interface FaultBook {
  /** From now on this peer may fail its users. @param point where in a step it was killed */
  begin(kind: FaultKind, peer: string, point?: KillPoint): void
  /** The impairment has ended. A session that has lost the peer still does not use it again. */
  end(peer: string): void
  /** Records a fault that impairs no peer. */
  note(kind: FaultKind): void
  /** Peers that were impaired at any time since `ms`. */
  impairedSince(ms: number): ReadonlySet<string>
  /** When the present or last impairment of a peer began; null when it never was impaired. */
  beganMs(peer: string): number | null
  readonly counts: Readonly<Record<FaultKind, number>>
  /** Kills at an exact point, by point. */
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
