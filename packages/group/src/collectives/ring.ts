import { freeMemory } from '@shoal/host'
import { misplaced, type Exchange, type ExchangeOptions, type Outgoing, type Part } from './exchange.ts'
import { piecesOf } from './pieces.ts'

/**
 * Ring: running sums go from rank 0 up to the last rank piece by piece, and the total goes on from there around the ring. So
 * every link carries the rows at most twice, however many ranks there are. The usual ring all-reduce starts each piece at
 * another rank; it would add the pieces in different orders, and so with different bits.
 */
export function ring({ rank, ranks, rows }: ExchangeOptions): Exchange {
  const last = ranks - 1
  const pieces = piecesOf(rows)
  const chunkCount = pieces.length
  const summed = new Set<number>()
  const known = new Set<number>()
  const viewOf = (chunk: number): Float32Array => pieces[chunk] as Float32Array

  const onTotal = (chunk: number): readonly Outgoing[] => {
    known.add(chunk)
    const to = (rank + 1) % ranks
    return to === last ? [] : [{ to, kind: 'total', chunk, values: viewOf(chunk) }]
  }
  const check = (from: number, part: Part, seen: ReadonlySet<number>): void => {
    if (!(part.chunk < chunkCount) || part.values.length !== viewOf(part.chunk).length)
      throw misplaced(from, part, `${rows.length} numbers travel in ${chunkCount} pieces`)
    if (seen.has(part.chunk)) throw misplaced(from, part, 'a second time')
  }
  return {
    get done() {
      return ranks === 1 || known.size === chunkCount
    },
    waitingFor: () => (ranks === 1 || known.size === chunkCount ? [] : [(rank + last) % ranks]),
    start: () =>
      rank === 0 && ranks > 1
        ? pieces.map((values, chunk): Outgoing => ({ to: 1, kind: 'partial', chunk, values }))
        : [],
    receive(from, part) {
      if (part.kind === 'partial') {
        if (rank === 0 || from !== rank - 1)
          throw misplaced(from, part, 'running sums come from the rank before')
        check(from, part, summed)
        summed.add(part.chunk)
        const own = viewOf(part.chunk)
        for (let index = 0; index < own.length; index += 1)
          own[index] = (part.values[index] as number) + (own[index] as number)
        freeMemory(part.values.buffer)
        return rank === last
          ? onTotal(part.chunk)
          : [{ to: rank + 1, kind: 'partial', chunk: part.chunk, values: own }]
      }
      if (rank === last || from !== (rank + last) % ranks)
        throw misplaced(from, part, 'the total comes from the rank before in the ring')
      check(from, part, known)
      if (rank !== 0 && !summed.has(part.chunk)) throw misplaced(from, part, 'before its own sum')
      viewOf(part.chunk).set(part.values)
      freeMemory(part.values.buffer)
      return onTotal(part.chunk)
    },
  }
}
