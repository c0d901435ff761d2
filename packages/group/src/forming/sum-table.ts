import { chooseAlgorithm, type ExchangeCosts } from '../collectives/cost/cost-model.ts'
import type { SumTable } from '../rank/group-rank.ts'
import { groupLimits } from '../limits.ts'

/**
 * The algorithm of a group's sums by their number of bytes, for one row, two, four and so on. Every rank gets the same
 * table, so that all of them choose the same algorithm.
 */
export function sumTable(ranks: number, hiddenSize: number, costs: ExchangeCosts): SumTable {
  const table: { bytes: number; algorithm: SumTable[number]['algorithm'] }[] = []
  for (let rows = 1; rows <= groupLimits.rowsPerCallMax; rows *= 2) {
    const bytes = rows * hiddenSize * Float32Array.BYTES_PER_ELEMENT
    const algorithm = chooseAlgorithm(ranks, bytes, costs)
    const last = table.at(-1)
    if (last?.algorithm === algorithm) last.bytes = bytes
    else table.push({ bytes, algorithm })
  }
  return table
}
