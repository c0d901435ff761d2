import { misplaced, type Exchange, type ExchangeOptions, type Outgoing } from './exchange.ts'
import { createPieceSum } from './piece-sum.ts'
import { piecesOf } from './pieces.ts'

/** All-gather: each rank sends its part to all others and adds up for itself. It takes one latency and ranks - 1 copies from each rank. */
export function gather({ rank, ranks, rows }: ExchangeOptions): Exchange {
  const pieces = piecesOf(rows)
  const sums = pieces.map((own) => createPieceSum(rank, ranks, own))
  let left = ranks === 1 ? 0 : pieces.length
  return {
    get done() {
      return left === 0
    },
    waitingFor: () => others(rank, ranks).filter((other) => sums.some((sum) => sum.isMissing(other))),
    start: () =>
      pieces.flatMap((values, chunk) =>
        others(rank, ranks).map((to): Outgoing => ({ to, kind: 'partial', chunk, values })),
      ),
    receive(from, part) {
      const sum = sums[part.chunk]
      if (part.kind !== 'partial' || sum === undefined)
        throw misplaced(from, part, `partial sums in ${pieces.length} pieces were due`)
      if (sum.take(from, part)) left -= 1
      return []
    },
  }
}

/** All ranks but this one, beginning with the next one, so that the ranks do not all send to the same rank at first. */
export function others(rank: number, ranks: number): number[] {
  return Array.from({ length: ranks - 1 }, (_, index) => (rank + 1 + index) % ranks)
}
