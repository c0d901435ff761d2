/**
 * Keys and values in int8 (docs/numerics.md): the values of one head at one position have one scale, which depends on
 * nothing else. So the codes of a position are the same however rows are grouped into calls, and may be made anew from
 * the rounded values: rounding is idempotent, bit by bit.
 *
 * The graph (`onnx/graph/rounded-heads.ts`) rounds in the same way. All operations are float32.
 */
export const codeMax = 127

/** Times this, a float32 is split so that its first 8 bits remain (Veltkamp). A code times such a scale is exact in float32. */
export const splitFactor = 2 ** 16 + 1

/** Scale of a head whose values are all zero, or so small that float32 could not divide them by their scale. */
export const scaleMin = 2 ** -100

/** Added and subtracted, this rounds a small float32 to the nearest integer, the even one of two that are equally near. */
const roundingNumber = 1.5 * 2 ** 23

/** @returns the scale of `values`, which are those of one head at one position */
export function scaleOf(values: Float32Array, from: number, to: number): number {
  let largest = 0
  for (let at = from; at < to; at += 1) largest = Math.max(largest, Math.abs(values[at] as number))
  const raw = Math.fround(largest / codeMax)
  const split = Math.fround(raw * splitFactor)
  return Math.max(Math.fround(split - Math.fround(split - raw)), scaleMin)
}

/** The code of a value with this scale, between -127 and 127. */
export function codeOf(value: number, scale: number): number {
  return Math.fround(Math.fround(value / scale) + roundingNumber) - roundingNumber
}

/** The values as they are in the cache: each is a code times the scale of its head. @param headSize values of a head */
export function roundedHeads(values: Float32Array, headSize: number): Float32Array {
  const rounded = new Float32Array(values.length)
  for (let from = 0; from < values.length; from += headSize) {
    const scale = scaleOf(values, from, from + headSize)
    // Adding zero makes the zero of a small negative value positive, as the zero of a code is.
    for (let at = from; at < from + headSize; at += 1)
      rounded[at] = codeOf(values[at] as number, scale) * scale + 0
  }
  return rounded
}
