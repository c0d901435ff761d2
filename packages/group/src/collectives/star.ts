import { freeMemory } from '@shoal/host'
import { misplaced, type Exchange, type ExchangeOptions, type Outgoing } from './exchange.ts'
import { others } from './gather.ts'
import { createPieceSum } from './piece-sum.ts'
import { piecesOf } from './pieces.ts'

/**
 * Star: each rank sends its part to a hub, which returns the total. It takes two latencies and the fewest messages. The hub
 * of a single piece is rank 0. Where rows have several pieces, each has the next rank as its hub, so that all links and
 * ranks carry the same load: 2 (ranks - 1) / ranks of the rows in each direction, as a reduce-scatter followed by an
 * all-gather.
 */
export function star({ rank, ranks, rows }: ExchangeOptions): Exchange {
  const pieces = piecesOf(rows, ranks)
  const hubOf = (chunk: number): number => chunk % ranks
  const sums = pieces.map((own, chunk) => (hubOf(chunk) === rank ? createPieceSum(rank, ranks, own) : null))
  /** Pieces of `rows` that hold the total. */
  const known = new Set<number>()
  return {
    get done() {
      return ranks === 1 || known.size === pieces.length
    },
    waitingFor: () =>
      others(rank, ranks).filter((other) =>
        sums.some((sum, chunk) =>
          sum === null ? hubOf(chunk) === other && !known.has(chunk) : sum.isMissing(other),
        ),
      ),
    start() {
      const parts = pieces.map((values, chunk): Outgoing => ({
        to: hubOf(chunk),
        kind: 'partial',
        chunk,
        values,
      }))
      // One piece to each of the others, beginning with the next rank, then the second piece to each of them, and so on, so
      // that the ranks do not all send to the same rank at first.
      const turnOf = ({ to, chunk }: Outgoing): number => chunk - to + ((to - rank + ranks) % ranks)
      return parts.filter(({ to }) => to !== rank).sort((a, b) => turnOf(a) - turnOf(b))
    },
    receive(from, part) {
      const { kind, chunk } = part
      const [own, sum] = [pieces[chunk], sums[chunk]]
      if (own === undefined || sum === undefined)
        throw misplaced(from, part, `${rows.length} numbers travel in ${pieces.length} pieces`)
      if (sum !== null) {
        if (kind !== 'partial') throw misplaced(from, part, `rank ${rank} makes this total`)
        if (!sum.take(from, part)) return []
        known.add(chunk)
        return others(rank, ranks).map((to): Outgoing => ({ to, kind: 'total', chunk, values: own }))
      }
      if (kind !== 'total' || from !== hubOf(chunk) || part.values.length !== own.length)
        throw misplaced(from, part, `a total of ${own.length} from rank ${hubOf(chunk)} was due`)
      if (known.has(chunk)) throw misplaced(from, part, 'a second time')
      own.set(part.values)
      freeMemory(part.values.buffer)
      known.add(chunk)
      return []
    },
  }
}
