import type { AttentionSpec } from '@shoal/model'
import { frequenciesOf, rotationScale } from './rope-frequencies.ts'

/** A rotary embedding, and the heads that it turns. */
export type Turning = Pick<AttentionSpec, 'headSize'> & {
  readonly rope: NonNullable<AttentionSpec['rope']>
}

/** Cosines and sines, float32 `[positions, turningPairs]` each, row-major. */
export interface RopeTables {
  readonly positions: number
  readonly cosines: Float32Array<ArrayBuffer>
  readonly sines: Float32Array<ArrayBuffer>
}

/** What is turned: queries may grow with their position, keys do not. */
export type Turned = 'queries' | 'keys'

/** Pairs of channels of a head that turn. */
export function turningPairs({ rope, headSize }: Turning): number {
  return (rope.dimensions ?? headSize) / 2
}

/** Tables for positions `[first, first + positions)`. */
export type TablesOf = (positions: number, first?: number) => RopeTables

/**
 * Tables of a session. They are computed in float64 and rounded once, so that every peer has the same bits.
 * @param tokenBudget positions that the session may have
 */
export function ropeTables(turning: Turning, tokenBudget: number, turned: Turned = 'keys'): TablesOf {
  const pairs = turningPairs(turning)
  const frequenciesAt = frequenciesOf(turning.rope, 2 * pairs, tokenBudget)
  const common = rotationScale(turning.rope)
  return (positions, first = 0) => {
    const cosines = new Float32Array(positions * pairs)
    const sines = new Float32Array(positions * pairs)
    for (let row = 0; row < positions; row += 1) {
      const position = first + row
      const scale = turned === 'queries' ? common * queryScale(turning, position) : common
      frequenciesAt(position).forEach((frequency, pair) => {
        const at = row * pairs + pair
        cosines[at] = scale * Math.cos(position * frequency)
        sines[at] = scale * Math.sin(position * frequency)
      })
    }
    return { positions, cosines, sines }
  }
}

function queryScale({ rope: { queryScale: scale } }: Turning, position: number): number {
  if (scale === undefined) return 1
  return 1 + scale.beta * Math.log(1 + Math.floor(position / scale.originalContextLength))
}
