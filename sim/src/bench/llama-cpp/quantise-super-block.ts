import { writeFloat16 } from './write-float16.ts'

const groupSize = 32
const groups = 8
/** Scales and minima of groups have six bits. */
const stepsMax = 63

/**
 * One Q4_K block of 256 values (ggml's `block_q4_K`): a group of 32 has the values `code · scale - minimum`. The scale is that
 * between the group's least and greatest value, without the search of ggml, which finds scales with smaller errors.
 */
export function quantiseSuperBlock(values: Float32Array, from: number, bytes: Uint8Array, to: number): void {
  const [scales, minima]: [number[], number[]] = [[], []]
  for (let group = 0; group < groups; group += 1) {
    const own = values.subarray(from + group * groupSize, from + (group + 1) * groupSize)
    const least = Math.min(0, ...own)
    scales.push((Math.max(0, ...own) - least) / 15)
    minima.push(-least)
  }
  const [d, dmin] = [Math.max(...scales) / stepsMax, Math.max(...minima) / stepsMax]
  writeFloat16(bytes, to, d)
  writeFloat16(bytes, to + 2, dmin)
  const steps = (all: readonly number[], step: number): number[] =>
    all.map((value) => (step === 0 ? 0 : Math.min(stepsMax, Math.round(value / step))))
  const [scaleSteps, minimumSteps] = [steps(scales, d), steps(minima, dmin)]
  writeSteps(bytes, to + 4, scaleSteps, minimumSteps)
  for (let group = 0; group < groups; group += 1) {
    const [scale, minimum] = [d * scaleSteps[group]!, dmin * minimumSteps[group]!]
    for (let j = 0; j < groupSize; j += 1) {
      const value = (values[from + group * groupSize + j]! + minimum) / (scale === 0 ? 1 : scale)
      const code = Math.max(0, Math.min(15, Math.round(value)))
      const at = to + 16 + (group >> 1) * groupSize + j
      bytes[at] = bytes[at]! | (code << (4 * (group & 1)))
    }
  }
}

/** Twelve bytes: scales and minima of the first four groups, with two bits each of those of the last four above them. */
function writeSteps(
  bytes: Uint8Array,
  at: number,
  scales: readonly number[],
  minima: readonly number[],
): void {
  for (let j = 0; j < 4; j += 1) {
    const [high, highMinimum] = [scales[j + 4]!, minima[j + 4]!]
    bytes[at + j] = scales[j]! | ((high >> 4) << 6)
    bytes[at + j + 4] = minima[j]! | ((highMinimum >> 4) << 6)
    bytes[at + j + 8] = (high & 15) | ((highMinimum & 15) << 4)
  }
}
