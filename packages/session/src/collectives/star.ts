import { addInRankOrder, misplaced, type Exchange, type ExchangeOptions, type Outgoing } from './exchange.ts'
import { others } from './gather.ts'

/** The rank that adds up. */
const hub = 0

/** Star: everybody sends its part to rank 0, which sends the total back. Two latencies, and little traffic but at the hub. */
export function star(options: ExchangeOptions): Exchange {
  return options.rank === hub ? starHub(options) : starLeaf(options)
}

function starHub({ rank, ranks, rows }: ExchangeOptions): Exchange {
  const parts = new Map<number, Float32Array>()
  let done = ranks === 1
  return {
    get done() {
      return done
    },
    waitingFor: () => others(rank, ranks).filter((other) => !parts.has(other)),
    start: () => [],
    receive(from, part) {
      if (part.kind !== 'partial' || part.chunk !== 0 || part.values.length !== rows.length) throw misplaced(from, part, `a part of ${rows.length} was due`)
      if (parts.has(from)) throw misplaced(from, part, 'a second time')
      parts.set(from, part.values)
      if (parts.size < ranks - 1) return []
      addInRankOrder(Array.from({ length: ranks }, (_, other) => (other === hub ? rows : (parts.get(other) as Float32Array))), rows)
      done = true
      return others(rank, ranks).map((to): Outgoing => ({ to, kind: 'total', chunk: 0, values: rows }))
    },
  }
}

function starLeaf({ rows }: ExchangeOptions): Exchange {
  let done = false
  return {
    get done() {
      return done
    },
    waitingFor: () => (done ? [] : [hub]),
    start: () => [{ to: hub, kind: 'partial', chunk: 0, values: rows }],
    receive(from, part) {
      if (from !== hub || part.kind !== 'total' || part.chunk !== 0 || part.values.length !== rows.length) throw misplaced(from, part, `a total of ${rows.length} from rank ${hub} was due`)
      if (done) throw misplaced(from, part, 'a second time')
      rows.set(part.values)
      done = true
      return []
    },
  }
}
