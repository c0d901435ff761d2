import type { PlannerSnapshot } from '../snapshot.ts'
import { predict, type Placement, type Prediction } from './predict.ts'

/** What a route would do if hidden states travelled in a smaller format (`--wire`). */
export interface ByWire {
  readonly wire: 'f32' | 'f16' | 'int8'
  readonly tpotMicros: number
  readonly ttftMicros: number
  /** Whether a token, or the first one, comes so much sooner that the loss may be worth it. */
  readonly advised: boolean
}

/** Bytes of a row over those in float32: int8 has a float32 scale for each 64 values. */
const shareOfBytes = { f32: 1, f16: 1 / 2, int8: (1 + 4 / 64) / 4 } as const

/** A lossy format is advised where it saves at least this share of a time. */
const worthwhile = 0.1

/** Predictions of a route for each format of hidden states. `f32` is what they are compared with. */
export function predictByWire(snapshot: PlannerSnapshot, route: readonly Placement[]): readonly ByWire[] {
  const exact = predict(snapshot, route)
  const saves = (now: number, before: number): boolean => now <= (1 - worthwhile) * before
  return (['f32', 'f16', 'int8'] as const).map((wire) => {
    const rowBytes = Math.ceil(snapshot.costs.rowBytes * shareOfBytes[wire])
    const { tpotMicros, ttftMicros }: Prediction = predict(
      { ...snapshot, costs: { ...snapshot.costs, rowBytes } },
      route,
    )
    const advised =
      wire !== 'f32' && (saves(tpotMicros, exact.tpotMicros) || saves(ttftMicros, exact.ttftMicros))
    return { wire, tpotMicros, ttftMicros, advised }
  })
}
