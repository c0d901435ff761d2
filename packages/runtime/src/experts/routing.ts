import type { ExpertsSpec } from '@shoal/model'
import { chooseGrouped } from './grouped-routing.ts'
import { largest } from './largest.ts'

/** Which experts compute which rows, and how much each counts. */
export interface Routing {
  /** By row, the numbers of its `activeCount` experts, ascending: the order in which their outputs are added (rule R4). */
  readonly experts: Int32Array
  /** What the output of each of them is multiplied with. */
  readonly weights: Float32Array
  /** By row, what the output of the shared expert is multiplied with; null without one. */
  readonly gates: Float32Array | null
}

/**
 * Chooses the experts of each row: those of the largest logits, of equal ones the first. The softmax is computed in float64
 * and each weight rounded once, so that equal logits give equal bits on every peer.
 *
 * @param logits of the router, float32 `[rows, routerWidth]`
 */
export function routeRows(spec: ExpertsSpec, logits: Float32Array, rows: number): Routing {
  const { count, activeCount, normalised, sharedSize, sharedUngated, grouped } = spec
  const width = routerWidth(spec)
  const experts = new Int32Array(rows * activeCount)
  const weights = new Float32Array(rows * activeCount)
  const gates = sharedSize === null ? null : new Float32Array(rows)
  for (let row = 0; row < rows; row += 1) {
    if (gates !== null && sharedUngated === true) gates[row] = 1
    if (grouped !== undefined) {
      const own = logits.subarray(row * width, (row + 1) * width)
      const chosen = chooseGrouped(spec, grouped, own)
      experts.set(chosen.experts, row * activeCount)
      weights.set(chosen.weights, row * activeCount)
      continue
    }
    const scores = logits.subarray(row * width, row * width + count)
    const chosen = largest(scores, activeCount)
    const most = scores[chosen[0] as number] as number
    const share = (index: number): number => Math.exp((scores[index] as number) - most)
    chosen.sort()
    let total = 0
    for (const index of normalised ? chosen : scores.keys()) total += share(index)
    chosen.forEach((index, place) => {
      experts[row * activeCount + place] = index
      weights[row * activeCount + place] = share(index) / total
    })
    if (gates !== null && sharedUngated !== true)
      gates[row] = 1 / (1 + Math.exp(-(logits[row * width + count] as number)))
  }
  return { experts, weights, gates }
}

/** Columns of what the router makes of a row: logits, the gate of a shared expert, and what corrects each expert's score. */
export function routerWidth({ count, sharedSize, sharedUngated, grouped }: ExpertsSpec): number {
  return (
    count +
    (sharedSize === null || sharedUngated === true ? 0 : 1) +
    (grouped?.corrected === true ? count : 0)
  )
}

/**
 * The output of a mixture for one row: the experts' outputs, weighted and added in the order of their numbers, then that of
 * the shared expert. The sum is float64 and rounded once.
 *
 * @param outputs one for each weight, float32 `[hiddenSize]`
 */
export function combine(
  weights: Float32Array,
  outputs: readonly Float32Array[],
  shared: { readonly gate: number; readonly output: Float32Array } | null,
): Float32Array {
  const total = new Float64Array(outputs[0]?.length ?? 0)
  const addWeighted = (weight: number, output: Float32Array): void => {
    for (let column = 0; column < total.length; column += 1)
      total[column] = (total[column] as number) + weight * (output[column] as number)
  }
  outputs.forEach((output, index) => addWeighted(weights[index] as number, output))
  if (shared !== null) addWeighted(shared.gate, shared.output)
  return Float32Array.from(total)
}
