import { feedbackColumns, type GroupFeedback } from './calibrated.ts'

/** Passes over a block's codes with one scale, and scales that are tried one after the other: later ones change hardly anything. */
const passesMax = 4
const scalesMax = 3

/**
 * Refines what `quantiseCalibrated` has made of whole rows; groups without inputs stay as they are.
 * @param weight in and out, as are the scales
 */
export function refineRows(
  values: Float32Array,
  columns: number,
  feedback: readonly GroupFeedback[],
  weight: Uint8Array,
  scale: Float32Array,
): void {
  const blockBytes = feedbackColumns / 2
  for (let block = 0; block < scale.length; block += 1) {
    const group = block % feedback.length
    const sums = feedback[group]?.sums ?? null
    if (sums === null) continue
    const rowStart = ((block - group) / feedback.length) * columns
    const from = rowStart + group * feedbackColumns
    const own = values.subarray(from, Math.min(from + feedbackColumns, rowStart + columns))
    const packed = weight.subarray(block * blockBytes, (block + 1) * blockBytes)
    scale[block] = refineBlock(own, sums, packed, scale[block] as number)
  }
}

/**
 * Makes the error of a rounded block smaller, as far as changes of single codes and of the scale can. What counts is the
 * error of products with inputs, `eᵀ H e` for the changes `e` of the weights and the sums `H` of `x xᵀ`. Each code in turn becomes
 * the one that is best beside all others (coordinate descent); then the scale becomes the best for the codes.
 *
 * All sums are float64, in one order, so that the result is the same everywhere.
 *
 * @param values of the block, at most 128; those that are missing are zero and stay so
 * @param sums `[128, 128]`, symmetric, with a positive diagonal
 * @param packed in and out: two codes a byte, 8 is zero
 * @returns the scale, float32
 */
function refineBlock(values: Float32Array, sums: Float64Array, packed: Uint8Array, scale: number): number {
  if (scale === 0) return scale
  const codes = Float64Array.from(
    values,
    (_, at) => (((packed[at >> 1] as number) >> (4 * (at & 1))) & 15) - 8,
  )
  const wanted = productsOf(sums, values)
  const found = productsOf(sums, codes)
  let best = scale
  for (let round = 0; round < scalesMax; round += 1) {
    let isChanged = false
    for (let pass = 0; pass < passesMax; pass += 1) {
      if (!descend(sums, wanted, found, codes, best)) break
      isChanged = true
    }
    if (!isChanged) break
    const refitted = Math.fround(dot(codes, wanted) / dot(codes, found))
    // The same sign: otherwise the codes would all be wrong.
    if (refitted / best > 0 && Number.isFinite(1 / refitted)) best = refitted
  }
  for (let at = 0; at < codes.length; at += 2)
    packed[at >> 1] = ((codes[at] as number) + 8) | (((codes[at + 1] ?? 0) + 8) << 4)
  return best
}

/** One pass over the codes. @param found products of `sums` and the codes, which follow them @returns whether one has changed */
function descend(
  sums: Float64Array,
  wanted: Float64Array,
  found: Float64Array,
  codes: Float64Array,
  scale: number,
): boolean {
  let isChanged = false
  for (let at = 0; at < codes.length; at += 1) {
    const row = at * feedbackColumns
    const code = codes[at] as number
    const off = (wanted[at] as number) - scale * (found[at] as number)
    const step = Math.round(off / (scale * (sums[row + at] as number)))
    const change = Math.max(-8, Math.min(7, code + step)) - code
    if (change === 0) continue
    isChanged = true
    codes[at] = code + change
    for (let other = 0; other < codes.length; other += 1)
      found[other] = (found[other] as number) + change * (sums[row + other] as number)
  }
  return isChanged
}

function productsOf(sums: Float64Array, vector: Float32Array | Float64Array): Float64Array {
  return Float64Array.from(vector, (_, at) => {
    const row = at * feedbackColumns
    let sum = 0
    for (let other = 0; other < vector.length; other += 1)
      sum += (sums[row + other] as number) * (vector[other] as number)
    return sum
  })
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let at = 0; at < one.length; at += 1) sum += (one[at] as number) * (other[at] as number)
  return sum
}
