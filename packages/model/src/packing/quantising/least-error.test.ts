import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { sha256Hex } from '../../manifest/hasher.ts'
import { parseFormat } from '../matrix-format.ts'
import { dequantiseRows } from './dequantise.ts'
import { quantiseLeastError } from './least-error.ts'
import { quantiseInt4 } from './quantise.ts'

interface Rounded {
  readonly weight: Uint8Array
  readonly scale: Float32Array
  readonly bad: number
}

function round(
  quantise: typeof quantiseInt4,
  values: Float32Array,
  columns: number,
  blockSize: number,
): Rounded {
  const blocks = (values.length / columns) * Math.ceil(columns / blockSize)
  const weight = new Uint8Array((blocks * blockSize) / 2)
  const scale = new Float32Array(blocks)
  return { weight, scale, bad: quantise(values, columns, blockSize, weight, scale) }
}

const { fround } = Math

/** The arithmetic of docs/packing.md once more, one float32 operation after the other. */
function oneBlock(values: readonly number[], blockSize: number): { scale: number; codes: number[] } {
  const grid = [0.6, 0.66, 0.72, 0.77, 0.81, 0.85, 0.89, 0.93, 0.97, 1, 1.04, 1.08]
  const padded = [...values, ...Array.from({ length: blockSize - values.length }, () => 0)]
  const extreme = Math.max(...padded.map(Math.abs))
  const codesFor = (scale: number): number[] => {
    const inverse = fround(1 / scale)
    return padded.map((value) => Math.max(-8, Math.min(7, Math.floor(fround(fround(value * inverse) + 0.5)))))
  }
  const sum = (terms: readonly number[]): number => {
    const lanes = [0, 0, 0, 0]
    terms.forEach((term, index) => (lanes[index % 4] = fround(lanes[index % 4]! + term)))
    return fround(fround(lanes[0]! + lanes[1]!) + fround(lanes[2]! + lanes[3]!))
  }
  const errorOf = (scale: number): number => {
    const codes = codesFor(scale)
    return sum(
      padded.map((value, index) => {
        const off = fround(value - fround(codes[index]! * scale))
        return fround(off * off)
      }),
    )
  }
  const plain = fround(extreme / -8)
  let best = { error: Number.POSITIVE_INFINITY, scale: Number.isFinite(fround(1 / plain)) ? plain : 0 }
  const attempt = (scale: number): void => {
    const error = errorOf(scale)
    if (error < best.error) best = { error, scale }
  }
  for (const code of [-8, 8]) for (const share of grid) attempt(fround(extreme * fround(share / code)))
  const codes = codesFor(best.scale)
  attempt(
    fround(
      sum(codes.map((code, index) => fround(code * padded[index]!))) / sum(codes.map((code) => code * code)),
    ),
  )
  const { scale } = best
  return { scale, codes: scale === 0 ? codes.map(() => 0) : codesFor(scale) }
}

test('every block is rounded as the arithmetic says, bit by bit, whatever its values', () => {
  const value = fc.oneof(
    fc.float({ noNaN: true, min: -2, max: 2 }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 1, 1e-40, -1e-45),
  )
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 300 }),
      fc.constantFrom(16, 32, 64, 128),
      (list, blockSize) => {
        const values = Float32Array.from(list)
        const { weight, scale, bad } = round(quantiseLeastError, values, values.length, blockSize)
        expect(bad).toBe(-1)
        scale.forEach((found, block) => {
          const own = [...values.subarray(block * blockSize, (block + 1) * blockSize)]
          const expected = oneBlock(own, blockSize)
          const bytes = weight.subarray((block * blockSize) / 2, ((block + 1) * blockSize) / 2)
          expect(found).toBe(expected.scale)
          expect([...bytes].flatMap((byte) => [(byte & 15) - 8, (byte >> 4) - 8])).toEqual(
            expected.codes.map((code) => code + 0),
          )
        })
      },
    ),
    { numRuns: 200 },
  )
})

/** Sums of three uniform values around zero: bell-shaped, as weights are. */
function bellShaped(count: number): Float32Array {
  let state = 1
  const uniform = (): number => (state = Math.imul(state, 48271) % 0x7fffffff) / 0x7fffffff
  return Float32Array.from({ length: count }, () => uniform() + uniform() + uniform())
}

test('more rows than one batch holds, and rows that do not fill their blocks, by a pinned hash', () => {
  const hashOf = ({ weight, scale }: Rounded): string =>
    sha256Hex(Uint8Array.from([...weight, ...new Uint8Array(scale.buffer)]))
  const values = bellShaped(172 * 1000)
  expect(hashOf(round(quantiseLeastError, values, 172, 128)).slice(0, 16)).toBe('39dbaef19ff198fd')
  const rows = round(quantiseLeastError, values, 172, 128)
  const last = round(quantiseLeastError, values.subarray(172 * 999), 172, 128)
  expect([...rows.scale.subarray(-2)]).toEqual([...last.scale])
  expect([...rows.weight.subarray(-128)]).toEqual([...last.weight])
})

test('the errors are smaller than those of the scale that the largest weight gives', () => {
  const values = bellShaped(128 * 200)
  const format = parseFormat('int4:128')
  const errorOf = ({ weight, scale }: Rounded): number =>
    dequantiseRows(format, weight, new Uint8Array(scale.buffer), 200, 128).reduce(
      (sum, value, index) => sum + (value - values[index]!) ** 2,
      0,
    )
  const ratio =
    errorOf(round(quantiseLeastError, values, 128, 128)) / errorOf(round(quantiseInt4, values, 128, 128))
  expect(ratio).toBeLessThan(0.92)
})

test('the index of the first value that is not finite is returned', () => {
  const values = bellShaped(1000)
  values[700] = Number.NaN
  values[900] = Number.POSITIVE_INFINITY
  expect(round(quantiseLeastError, values, 100, 32).bad).toBe(700)
})
