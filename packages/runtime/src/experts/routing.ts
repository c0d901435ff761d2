import type { ExpertsSpec } from '@shoal/model'

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
 * @param logits of the router, float32 `[rows, count]`, with one more column for the gate of the shared expert
 */
export function routeRows(
  { count, activeCount, normalised, sharedSize }: ExpertsSpec,
  logits: Float32Array,
  rows: number,
): Routing {
  const width = sharedSize === null ? count : count + 1
  const experts = new Int32Array(rows * activeCount)
  const weights = new Float32Array(rows * activeCount)
  const gates = sharedSize === null ? null : new Float32Array(rows)
  for (let row = 0; row < rows; row += 1) {
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
    if (gates !== null) gates[row] = 1 / (1 + Math.exp(-(logits[row * width + count] as number)))
  }
  return { experts, weights, gates }
}

/** Indices of the largest values, the largest first; of equal values the first. */
function largest(values: Float32Array, count: number): Int32Array {
  const found = new Int32Array(count)
  let kept = 0
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number
    let place = kept
    while (place > 0 && value > (values[found[place - 1] as number] as number)) place -= 1
    if (place >= count) continue
    kept = Math.min(count, kept + 1)
    found.copyWithin(place + 1, place, kept - 1)
    found[place] = index
  }
  return found
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
