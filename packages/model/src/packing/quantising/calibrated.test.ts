import { expect, test } from 'vitest'
import { parseFormat } from '../matrix-format.ts'
import { feedbackColumns, groupFeedback, quantiseCalibrated, type InputSums } from './calibrated.ts'
import { chooseQuantiser, type Quantise } from './choose-quantiser.ts'
import { dequantiseRows } from './dequantise.ts'
import { quantiseLeastError } from './least-error.ts'

const columns = 172
const rows = 40
let state = 3
/** Sums of two uniform values around zero. */
const random = (): number => {
  const uniform = (): number => (state = Math.imul(state, 48271) % 0x7fffffff) / 0x7fffffff
  return uniform() + uniform()
}
const weights = Float32Array.from({ length: rows * columns }, random)
/** Inputs that share parts, as activations do: what one weight gets wrong another one can make up for. */
const inputs = Array.from({ length: 400 }, () => {
  const shared = Array.from({ length: 8 }, random)
  return Array.from({ length: columns }, (_, column) => shared[column % 8]! + 0.5 * random())
})

function sumsOf(count: number): InputSums {
  return Array.from({ length: Math.ceil(columns / feedbackColumns) }, (_, group) => {
    const sum = new Float64Array(feedbackColumns ** 2)
    for (const x of inputs.slice(0, count)) {
      const part = x.slice(group * feedbackColumns, (group + 1) * feedbackColumns)
      part.forEach((one, i) => part.forEach((other, j) => (sum[i * feedbackColumns + j]! += one * other)))
    }
    return sum
  })
}

function rounded(quantise: Quantise): { readonly bytes: Uint8Array; readonly values: Float32Array } {
  const blocks = rows * Math.ceil(columns / 128)
  const [weight, scale] = [new Uint8Array(blocks * 64), new Float32Array(blocks)]
  expect(quantise(weights, columns, 128, weight, scale)).toBe(-1)
  const scales = new Uint8Array(scale.buffer)
  return { bytes: weight, values: dequantiseRows(parseFormat('int4:128'), weight, scales, rows, columns) }
}

/** Squares of what rounding changes in the products with inputs that calibration has not seen. */
function outputError({ values }: { readonly values: Float32Array }): number {
  let error = 0
  for (const x of inputs.slice(200)) {
    for (let row = 0; row < rows; row += 1) {
      const off = x.reduce((sum, one, column) => {
        const at = row * columns + column
        return sum + (values[at]! - weights[at]!) * one
      }, 0)
      error += off * off
    }
  }
  return error
}

test('with sums of the inputs, the outputs change less than half as much', () => {
  const calibrated = rounded(chooseQuantiser(parseFormat('int4:128'), 'calibrated', sumsOf(200)))
  expect(outputError(calibrated)).toBeLessThan(0.5 * outputError(rounded(quantiseLeastError)))
})

test('the factors are those of the Cholesky factor of the inverse', () => {
  // Two columns with the sums [[2, 1], [1, 2]]: the inverse is [[2, -1], [-1, 2]] / 3, and U = [[√2, -1/√2], [0, √1.5]] / √3.
  const sums = new Float64Array(feedbackColumns ** 2)
  sums[0] = sums[feedbackColumns + 1] = 2 - 0.02 / 1.01
  sums[1] = sums[feedbackColumns] = 1
  const { factors } = groupFeedback(sums)
  expect(factors[1]).toBeCloseTo(-0.5, 6)
  expect(factors.filter((factor) => factor !== 0)).toHaveLength(1)
})

test('an error at a column counts as the root mean square of its inputs, on average once, and not at all without inputs', () => {
  const sums = new Float64Array(feedbackColumns ** 2)
  sums[0] = 1
  sums[feedbackColumns + 1] = 9
  const { importance } = groupFeedback(sums)
  expect([...importance.subarray(0, 3)]).toEqual([0.5, 1.5, 0])
  expect(groupFeedback(new Float64Array(feedbackColumns ** 2)).importance.every((one) => one === 1)).toBe(
    true,
  )
})

test('without inputs the codes are those of the least error', () => {
  const none = sumsOf(0)
  expect(rounded(chooseQuantiser(parseFormat('int4:128'), 'calibrated', none)).bytes).toEqual(
    rounded(quantiseLeastError).bytes,
  )
})

test('the kernel computes in float32, one value after the other', () => {
  const { fround } = Math
  const feedback = sumsOf(200).map(groupFeedback)
  const [weight, scale] = [new Uint8Array(2 * rows * 64), new Float32Array(2 * rows)]
  quantiseCalibrated(weights, columns, feedback, weight, scale)
  for (let block = 0; block < 2 * rows; block += 1) {
    const [row, group] = [Math.floor(block / 2), block % 2]
    const start = row * columns + group * 128
    const own = [...weights.subarray(start, Math.min(start + 128, (row + 1) * columns))]
    while (own.length < 128) own.push(0)
    const inverse = fround(1 / scale[block]!)
    const codes = own.map((_, i) => {
      const code = Math.max(-8, Math.min(7, Math.floor(fround(fround(own[i]! * inverse) + 0.5))))
      const off = fround(own[i]! - fround(code * scale[block]!))
      for (let j = i + 1; j < 128; j += 1)
        own[j] = fround(own[j]! - fround(off * feedback[group]!.factors[i * 128 + j]!))
      return code
    })
    const bytes = [...weight.subarray(block * 64, (block + 1) * 64)]
    expect(bytes.flatMap((byte) => [(byte & 15) - 8, (byte >> 4) - 8])).toEqual(codes.map((code) => code + 0))
  }
})

test('calibrated weights without inputs are refused: they come from peers', () => {
  expect(() => chooseQuantiser(parseFormat('int4:128'), 'calibrated', undefined)).toThrow(
    /come from peers only/,
  )
  expect(chooseQuantiser(parseFormat('int8:128'), 'calibrated', undefined)).toBeTypeOf('function')
})

test('refined codes change the outputs less than those of feedback alone', () => {
  const sums = sumsOf(200)
  const feedback = sums.map(groupFeedback)
  const fedBack = rounded((values, columns_, _, weight, scale) =>
    quantiseCalibrated(values, columns_, feedback, weight, scale),
  )
  const refined = rounded(chooseQuantiser(parseFormat('int4:128'), 'calibrated', sums))
  expect(outputError(refined)).toBeLessThan(outputError(fedBack))
})
