import { addInRankOrder, misplaced, type Exchange, type ExchangeOptions, type Outgoing } from './exchange.ts'

/** All-gather: everybody sends its part to everybody and adds up for itself. One latency, and ranks - 1 copies from each. */
export function gather({ rank, ranks, rows }: ExchangeOptions): Exchange {
  const parts = new Map<number, Float32Array>()
  let done = ranks === 1
  const finish = (): void => {
    if (parts.size < ranks - 1) return
    addInRankOrder(Array.from({ length: ranks }, (_, other) => (other === rank ? rows : (parts.get(other) as Float32Array))), rows)
    done = true
  }
  return {
    get done() {
      return done
    },
    waitingFor: () => others(rank, ranks).filter((other) => !parts.has(other)),
    start: () => others(rank, ranks).map((to): Outgoing => ({ to, kind: 'partial', chunk: 0, values: rows })),
    receive(from, part) {
      if (part.kind !== 'partial' || part.chunk !== 0 || part.values.length !== rows.length) throw misplaced(from, part, `a part of ${rows.length} was due`)
      if (parts.has(from)) throw misplaced(from, part, 'a second time')
      parts.set(from, part.values)
      finish()
      return []
    },
  }
}

/** All ranks but this one. */
export function others(rank: number, ranks: number): number[] {
  return Array.from({ length: ranks }, (_, other) => other).filter((other) => other !== rank)
}
