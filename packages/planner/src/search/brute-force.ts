import { stageMicros } from '../costs/stage.ts'
import { sharedMicros } from './allocate.ts'
import { candidateAt, type Cluster } from './cluster.ts'

/** Least cost over every ordered subset of the candidates and every cut of the model. Slow: the reference for the exact planner. */
export function bruteForce(cluster: Cluster): number | null {
  let best: number | null = null
  const visit = (
    order: readonly number[],
    blocksLeft: number,
    tokenMicros: number,
    periodMicros: number,
  ): void => {
    const last = order.at(-1)
    if (blocksLeft === 0 && last !== undefined) {
      const cost = sharedMicros(
        {
          tokenMicros: tokenMicros + (order.length > 1 ? cluster.hop(last, order[0] ?? -1) : 0),
          periodMicros,
        },
        cluster.users,
      )
      if (best === null || cost < best) best = cost
      return
    }
    for (let next = 0; next < cluster.candidates.length; next += 1) {
      if (order.includes(next)) continue
      const { capacity, blockMicros } = candidateAt(cluster, next)
      for (let blocks = 1; blocks <= Math.min(capacity, blocksLeft); blocks += 1) {
        const stage = blocks * blockMicros + stageMicros
        const hop = last === undefined ? 0 : cluster.hop(last, next)
        visit([...order, next], blocksLeft - blocks, tokenMicros + stage + hop, Math.max(periodMicros, stage))
      }
    }
  }
  visit([], cluster.costs.blockCount, 0, 0)
  return best
}
