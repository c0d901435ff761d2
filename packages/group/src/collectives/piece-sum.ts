import { freeMemory } from '@shoal/host'
import { addInRankOrder, misplaced, type Part } from './exchange.ts'

/** One piece of a sum at a rank that adds it up. Parts come in any order and are added in rank order once all have come. */
export interface PieceSum {
  /** @returns whether `own` holds the total now @throws {ShoalError} `bad-frame` for a part that breaks the protocol */
  take(from: number, part: Part): boolean
  isMissing(rank: number): boolean
}

/** @param own this rank's part, which the total replaces */
export function createPieceSum(rank: number, ranks: number, own: Float32Array): PieceSum {
  const parts: (Float32Array | undefined)[] = Array.from({ length: ranks })
  parts[rank] = own
  let missing = ranks - 1
  return {
    take(from, part) {
      if (part.values.length !== own.length) throw misplaced(from, part, `a part of ${own.length} was due`)
      if (parts[from] !== undefined) throw misplaced(from, part, 'a second time')
      parts[from] = part.values
      missing -= 1
      if (missing > 0) return false
      addInRankOrder(parts as Float32Array[], own)
      for (const values of parts) if (values !== undefined && values !== own) freeMemory(values.buffer)
      return true
    },
    isMissing: (other) => parts[other] === undefined,
  }
}
