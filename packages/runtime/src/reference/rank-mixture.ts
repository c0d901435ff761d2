import type { BlockSpec } from '@shoal/model'
import type { SumRanks } from '../block-runner.ts'
import { limits } from '../limits.ts'
import { add } from './arithmetic.ts'
import { mixRow, normed, routeRow, type BlockWeights, type MixtureWeights, type RoutedRow } from './block.ts'

/** All rows through one half of a block that every rank computes. */
export function alone(
  hiddenSize: number,
  rows: Float32Array,
  branchOf: (row: Float32Array, index: number) => Float32Array,
): Float32Array {
  const output = new Float32Array(rows.length)
  for (let at = 0; at < rows.length; at += hiddenSize) {
    const row = rows.subarray(at, at + hiddenSize)
    output.set(add(row, branchOf(row, at / hiddenSize)), at)
  }
  return output
}

type RankMixture = (
  spec: BlockSpec,
  weights: BlockWeights,
  own: MixtureWeights,
  rows: Float32Array,
) => Promise<Float32Array>

/** All rows through a mixture whose experts the ranks share: each output comes from one rank. */
export function createRankMixture(hiddenSize: number, sum: SumRanks): RankMixture {
  /** Outputs of experts with those of the other ranks, in exchanges of limited length. */
  const completed = async (outputs: readonly Float32Array[]): Promise<readonly Float32Array[]> => {
    const whole = new Float32Array(outputs.length * hiddenSize)
    outputs.forEach((output, slot) => whole.set(output, slot * hiddenSize))
    const longest = limits.rowsPerCallMax * hiddenSize
    for (let at = 0; at < whole.length; at += longest)
      whole.set(await sum(whole.slice(at, at + longest), 0), at)
    return outputs.map((_, slot) => whole.subarray(slot * hiddenSize, (slot + 1) * hiddenSize))
  }

  return async (spec, { feedForwardNorm }, own, rows) => {
    const routed = Array.from({ length: rows.length / hiddenSize }, (_, index) => {
      const row = rows.subarray(index * hiddenSize, (index + 1) * hiddenSize)
      return routeRow(spec.feedForward, own, normed(spec, row, feedForwardNorm))
    })
    const outputs = await completed(routed.flatMap((row) => row.outputs))
    return alone(hiddenSize, rows, (_, index) => {
      const { x, routing } = routed[index] as RoutedRow
      const chosen = routing.experts.length
      return mixRow({ x, routing, outputs: outputs.slice(index * chosen, (index + 1) * chosen) }, own.shared)
    })
  }
}
